//! The plot: decode time against reason length.

/// Placeholder until drawn.
pub fn draw(_rounds: usize) -> String {
    String::new()
}
