//! Any file as a capture: it is read to its end or to one clear error, and nothing of it disturbs a terminal.

use wsclose::cli::{Terminal, run};

/// The property.
pub fn check(file: &[u8]) {
    let (status, words, errors) = read("--query", file);
    let (json_status, json, json_errors) = read("--json", file);
    let (brief_status, brief, _) = read("--brief", file);
    assert!(status <= 2);
    assert_eq!((json_status, brief_status), (status, status), "the form of the output changes no status");
    assert_eq!(json_errors, errors);
    let headlines = words.lines().filter(|line| !line.starts_with(' ')).count();
    assert_eq!((json.lines().count(), brief.lines().count()), (headlines, headlines), "{words}");
    assert!(status != 0 || headlines > 0, "a capture without a WebSocket is not clean");
    if status == 2 {
        assert!(errors.ends_with('\n') && errors.lines().all(|line| line.starts_with("wsclose: ")), "{errors}");
    }
    for text in [words, json, errors] {
        // Behind another character, `escape_debug` leaves combining characters as they are.
        let disturbing =
            |letter: &char| !matches!(letter, '\n' | ' '..='~') && format!("a{letter}").escape_debug().count() > 2;
        assert_eq!(text.chars().find(disturbing), None, "{text:?}");
    }
}

fn read(form: &str, file: &[u8]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["pcap", form, "-"].map(str::to_owned);
    let status = run(args, file, &mut out, &mut err, Terminal::default());
    let text = |bytes| String::from_utf8(bytes).unwrap_or_else(|error| panic!("{error}"));
    (status, text(out), text(err))
}
