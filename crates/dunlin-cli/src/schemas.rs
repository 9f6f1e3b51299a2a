//! Tests that the documents are what the schemas under `docs/schema` say, no more and no less.

use crate::render::samples;
use dunlin::diagnostic::{Code, Diagnostic};
use dunlin::execute::{CheckReport, Report, Running};
use serde_json::{Value, json};

fn schema(file: &str) -> Value {
    let path = format!("{}/../../docs/schema/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

/// As much of JSON Schema as the schemas use; a property that a schema does not list is a fault as well.
struct Validator {
    root: Value,
    faults: Vec<String>,
}

impl Validator {
    fn faults(file: &str, document: &Value) -> Vec<String> {
        let root = schema(file);
        let mut validator = Validator { root: root.clone(), faults: Vec::new() };
        validator.check(&root, document, "");
        validator.faults
    }

    fn fault(&mut self, path: &str, what: impl std::fmt::Display) {
        self.faults.push(format!("{path}: {what}"));
    }

    fn check(&mut self, rule: &Value, value: &Value, path: &str) {
        let Value::Object(rules) = rule else { return self.fault(path, "the schema is not an object") };
        for (key, rule) in rules {
            match key.as_str() {
                "$ref" => self.reference(rule.as_str().unwrap(), value, path),
                "anyOf" => self.any_of(rule.as_array().unwrap(), value, path),
                "type" if !type_fits(rule, value) => self.fault(path, format_args!("{value} is not {rule}")),
                "enum" if !rule.as_array().unwrap().contains(value) => self.fault(path, "not in the enum"),
                "const" if rule != value => self.fault(path, format_args!("not {rule}")),
                "minimum" if value.as_i64() < rule.as_i64() && value.is_number() => {
                    self.fault(path, "too small")
                }
                "items" => value.as_array().into_iter().flatten().for_each(|item| {
                    self.check(rule, item, &format!("{path}[]"));
                }),
                "required" => self.required(rule.as_array().unwrap(), value, path),
                "properties" => self.properties(rule, value, path),
                "type" | "enum" | "const" | "minimum" | "pattern" | "title" | "description" | "$schema"
                | "$defs" => {}
                other => self.fault(path, format_args!("the test does not know `{other}`")),
            }
        }
    }

    fn reference(&mut self, target: &str, value: &Value, path: &str) {
        match target.strip_prefix('#') {
            Some(pointer) => {
                let rule = self.root.pointer(pointer).unwrap().clone();
                self.check(&rule, value, path);
            }
            None => {
                self.faults.extend(Self::faults(target, value).iter().map(|fault| format!("{path}{fault}")))
            }
        }
    }

    fn any_of(&mut self, rules: &[Value], value: &Value, path: &str) {
        let fits = rules.iter().any(|rule| {
            let mut alone = Validator { root: self.root.clone(), faults: Vec::new() };
            alone.check(rule, value, path);
            alone.faults.is_empty()
        });
        if !fits {
            self.fault(path, format_args!("{value} fits none"));
        }
    }

    fn required(&mut self, names: &[Value], value: &Value, path: &str) {
        for name in names.iter().filter(|name| value.get(name.as_str().unwrap()).is_none()) {
            self.fault(path, format_args!("{name} is missing"));
        }
    }

    fn properties(&mut self, rules: &Value, value: &Value, path: &str) {
        for (name, value) in value.as_object().into_iter().flatten() {
            match rules.get(name) {
                Some(rule) => self.check(rule, value, &format!("{path}.{name}")),
                None => self.fault(path, format_args!("{name} is not in the schema")),
            }
        }
    }
}

fn type_fits(rule: &Value, value: &Value) -> bool {
    let fits = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    match rule {
        Value::Array(names) => names.iter().any(|name| fits(name.as_str().unwrap())),
        name => fits(name.as_str().unwrap()),
    }
}

#[track_caller]
fn assert_fits(file: &str, document: impl serde::Serialize) {
    let document = serde_json::to_value(document).unwrap();
    assert_eq!(Validator::faults(file, &document), Vec::<String>::new(), "{document:#}");
}

#[test]
fn documents_fit_their_schemas() {
    assert_fits("plan.json", samples::plan().1);
    assert_fits("up.json", samples::partial().1);
    assert_fits("up.json", samples::failed().1);
    assert_fits("up.json", Report::nothing());
    assert_fits("status.json", samples::status());
    assert_fits("running.json", samples::running());
    assert_fits("running.json", Running { format: 1, ..Running::default() });
    assert_fits("show.json", samples::shown());
    assert_fits("adopt.json", samples::adopted());
    assert_fits("doctor.json", samples::doctor());
    let diagnostics = vec![samples::circle(), samples::missing_column()];
    assert_fits("check.json", CheckReport { format: 1, ok: false, files: 1, operations: 2, diagnostics });
    let error = crate::commands::error_document(&Diagnostic::new(Code::DN801, "m"));
    assert_fits("error.json", serde_json::from_str::<Value>(&error).unwrap());
}

#[test]
fn the_validator_finds_faults() {
    let mut document = serde_json::to_value(samples::partial().1).unwrap();
    document["outcome"] = json!("great");
    document["extra"] = json!(1);
    document["skipped"][0]["operation"] = json!("1");
    document["diagnostics"][0]["severity"] = json!("fatal");
    document.as_object_mut().unwrap().remove("held");
    let faults = Validator::faults("up.json", &document);
    assert_eq!(faults.len(), 5, "{faults:#?}");
}
