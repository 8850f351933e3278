//! Reads the records of `tests/vectors`, and compares verdicts with them.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// All records with the key `key`, from all files of `tests/vectors`. The key tells the kind of the record.
pub(crate) fn vectors(key: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let records: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            found.extend(records.into_iter().filter(|record| record.get(key).is_some()));
        }
    }
    assert!(!found.is_empty(), "no vector has {key:?}");
    found
}

/// Asserts that `verdict`, an object with the keys of `expected`, is what the record expects or calls equally right.
/// Keys that one of the two lacks are not compared. The record has the form of those in `conformance.json`.
#[track_caller]
pub(crate) fn assert_verdict(record: &Value, verdict: &Value) {
    let (id, expected) = (&record["id"], &record["expected"]);
    let allows = |list: &Value, value: &Value| list.as_array().is_some_and(|list| list.contains(value));

    if allows(&expected["alt_outcomes"], &verdict["outcome"]) {
        return;
    }
    for key in [
        "outcome",
        "code",
        "has_code",
        "reason",
        "error_kind",
        "fail_code",
        "consumed",
        "utf8_valid_up_to",
        "utf8_error_len",
    ] {
        let (Some(wanted), Some(found)) = (expected.get(key), verdict.get(key)) else { continue };
        let equally_right = match key {
            "error_kind" => allows(&expected["alt_error_kinds"], found),
            "fail_code" => allows(&record["accept_fail_codes"], found),
            _ => false,
        };
        assert!(found == wanted || equally_right, "{id}: {key} is {found}, not {wanted}");
    }
}
