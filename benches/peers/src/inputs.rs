//! What is decoded and encoded: payloads of Close frames, good and bad, and the answer that RFC 6455 asks for.

/// A code, 0 for none, and the reason; or a refusal.
pub type Answer<'a> = Result<(u16, &'a str), ()>;

/// A payload and its answer.
pub struct Input {
    pub name: String,
    pub payload: &'static [u8],
    pub answer: Answer<'static>,
}

impl Input {
    fn new(name: impl Into<String>, payload: Vec<u8>, answer: bool) -> Self {
        let payload: &[u8] = payload.leak();
        let answer = match payload {
            [] => Ok((0, "")),
            [high, low, reason @ ..] if answer => {
                Ok((u16::from_be_bytes([*high, *low]), str::from_utf8(reason).expect("a good reason")))
            }
            _ => Err(()),
        };
        Self { name: name.into(), payload, answer }
    }

    fn good(name: impl Into<String>, reason: &str) -> Self {
        Self::new(name, payload(1000, reason.as_bytes()), true)
    }

    fn bad(name: &str, code: u16, reason: &[u8]) -> Self {
        Self::new(name, payload(code, reason), false)
    }

    /// The frame as a client sends it, with [`KEY`].
    pub fn masked(&self) -> &'static [u8] {
        let mut frame = vec![0x88, 0x80 | u8::try_from(self.payload.len()).expect("a short payload")];
        frame.extend(KEY);
        frame.extend(self.payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        frame.leak()
    }

    /// The frame as a server sends it.
    pub fn unmasked(&self) -> &'static [u8] {
        let mut frame = vec![0x88, u8::try_from(self.payload.len()).expect("a short payload")];
        frame.extend(self.payload);
        frame.leak()
    }
}

/// The masking key of every masked frame here.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// `len` bytes of text, out of what is common in a log.
fn ascii(len: usize) -> String {
    "going away: the service restarts, please come back in a minute or two; ".chars().cycle().take(len).collect()
}

/// As much of `letter` as fits into `len` bytes, and full stops.
fn repeated(letter: char, len: usize) -> String {
    let letters = len / letter.len_utf8();
    letter.to_string().repeat(letters) + &".".repeat(len % letter.len_utf8())
}

/// All of them.
pub fn all() -> Vec<Input> {
    let ascii_123 = ascii(123);
    let [mut bad_first, mut bad_last] = [ascii_123.clone().into_bytes(), ascii_123.clone().into_bytes()];
    bad_first[0] = 0xff;
    bad_last[122] = 0xff;
    vec![
        Input::new("empty", Vec::new(), true),
        Input::good("code only", ""),
        Input::good("ASCII 16", &ascii(16)),
        Input::good("ASCII 40", &ascii(40)),
        Input::good("ASCII 63", &ascii(63)),
        Input::good("ASCII 64", &ascii(64)),
        Input::good("ASCII 123", &ascii_123),
        Input::good("ASCII 121 + é", &(ascii(121) + "é")),
        Input::good("é + ASCII 121", &("é".to_owned() + &ascii(121))),
        Input::good("Cyrillic 40", &repeated('ж', 40)),
        Input::good("Cyrillic 63", &repeated('ж', 63)),
        Input::good("Cyrillic 64", &repeated('ж', 64)),
        Input::good("Cyrillic 80", &repeated('ж', 80)),
        Input::good("Cyrillic 123", &repeated('ж', 123)),
        Input::good("CJK 123", &repeated('界', 123)),
        Input::good("emoji 123", &repeated('🦀', 123)),
        Input::bad("bad UTF-8 first", 1000, &bad_first),
        Input::bad("bad UTF-8 last", 1000, &bad_last),
        Input::bad("forbidden code", 1005, ascii(16).as_bytes()),
        Input::bad("code 1015", 1015, b""),
        Input::new("code 1014", payload(1014, b""), true),
        Input::new("one byte", vec![0x03], false),
    ]
}

/// Those with one of these names.
pub fn named(names: &[&str]) -> Vec<Input> {
    all().into_iter().filter(|input| names.contains(&input.name.as_str())).collect()
}
