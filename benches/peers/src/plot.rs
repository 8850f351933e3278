//! The plot: decode time against reason length, as an SVG that is read on light and on dark pages.

use std::fmt::Write;

use crate::{decode, inputs};

/// Who is drawn, in the order of the legend, each in a colour that stands out on white and on black.
const LINES: [(&str, &str); 6] = [
    ("websocket-close", "#e5534b"),
    ("memcpy", "#8b949e"),
    ("by hand", "#3fa45b"),
    ("tungstenite", "#4f8fe0"),
    ("tokio-websockets", "#c08a1e"),
    ("fastwebsockets", "#a371d9"),
];

const PASSES: usize = 8;

/// The area of the curves, in pixels.
const LEFT: f64 = 50.0;
const RIGHT: f64 = 590.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 360.0;

/// Times every length of an ASCII reason and draws the minima.
pub fn draw(rounds: usize) -> String {
    let mut curves = [[f64::INFINITY; 124]; LINES.len()];
    // Several passes over all lengths, so that no length is left to a slow moment of the machine.
    for _ in 0..PASSES {
        for (len, input) in inputs::ladder().iter().enumerate() {
            for (name, _, figures) in decode::borrowed(input).race(rounds.div_ceil(PASSES)) {
                if let Some(index) = LINES.iter().position(|line| line.0 == name) {
                    curves[index][len] = curves[index][len].min(figures.min_ns);
                }
            }
        }
    }
    let top = curves.iter().flatten().copied().fold(0.0, f64::max).ceil();
    let x = |len: usize| LEFT + (RIGHT - LEFT) * f64::from(u8::try_from(len).expect("a short reason")) / 123.0;
    let y = |ns: f64| BOTTOM - (BOTTOM - TOP) * ns / top;

    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 410\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Nanoseconds to decode the payload of a Close frame, by the length of its reason</title>\n\
         <style>text{fill:#57606a}path{fill:none;stroke-width:1.8}\
         .grid{stroke:#8b949e;stroke-opacity:.35;stroke-width:1}\
         @media(prefers-color-scheme:dark){text{fill:#b1bac4}}</style>\n",
    );
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(svg, "{text}").expect("a string takes everything");
    line(format_args!(
        "<text x=\"{LEFT}\" y=\"22\">payload to checked code and borrowed reason, ASCII: ns, minimum</text>"
    ));
    line(format_args!("<text x=\"{LEFT}\" y=\"{}\">bytes of reason</text>", BOTTOM + 38.0));
    let step = if top > 12.0 { 5.0 } else { 2.0 };
    for ns in std::iter::successors(Some(0.0), |ns| Some(ns + step)).take_while(|ns| *ns <= top) {
        line(format_args!("<path class=\"grid\" d=\"M{LEFT} {0:.1}H{RIGHT}\"/>", y(ns)));
        line(format_args!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{ns}</text>", LEFT - 8.0, y(ns) + 4.0));
    }
    for len in [0, 16, 32, 48, 64, 80, 96, 112, 123] {
        line(format_args!("<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{len}</text>", x(len), BOTTOM + 18.0));
    }
    for (index, ((name, colour), curve)) in LINES.iter().zip(&curves).enumerate() {
        let points: Vec<String> =
            curve.iter().enumerate().map(|(len, ns)| format!("{:.1} {:.1}", x(len), y(*ns))).collect();
        line(format_args!("<path stroke=\"{colour}\" d=\"M{}\"/>", points.join("L")));
        let (from, to, middle) =
            (RIGHT + 16.0, RIGHT + 38.0, TOP + 10.0 + 24.0 * f64::from(u8::try_from(index).expect("a few")));
        line(format_args!("<path stroke=\"{colour}\" d=\"M{from} {middle}H{to}\"/>"));
        line(format_args!("<text x=\"{}\" y=\"{}\">{name}</text>", to + 6.0, middle + 4.0));
    }
    svg + "</svg>\n"
}
