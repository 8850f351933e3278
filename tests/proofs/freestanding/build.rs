//! Links the C library, which has the code that starts a program. Without std nothing else asks for it.

fn main() {
    if std::env::var("CARGO_CFG_UNIX").is_ok() {
        println!("cargo::rustc-link-arg-bins=-lc");
    }
}
