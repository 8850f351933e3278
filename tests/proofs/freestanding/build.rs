//! Without std nobody else asks for the C library, which holds the start of a program.

fn main() {
    if std::env::var("CARGO_CFG_UNIX").is_ok() {
        println!("cargo::rustc-link-arg-bins=-lc");
    }
}
