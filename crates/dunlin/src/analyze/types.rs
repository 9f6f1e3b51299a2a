//! Type names: what `TypeName` nodes mean, and whether the type exists.

use super::context::{Context, strings};
use super::{Access, Facet, Place, Verdict};
use crate::catalog::{Dependency, Found, Name, ObjectRef, TypeRef, builtin};
use crate::diagnostic::{Code, near_names};
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Resolves a type that must exist; `serial` types give their integer type.
    pub fn need_type(&mut self, node: &protobuf::TypeName) -> TypeRef {
        let parts = strings(&node.names);
        let name = Name::from_parts(&parts);
        let array = !node.array_bounds.is_empty();
        if node.pct_type {
            return self.percent_type(&parts, node.location);
        }
        if name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
            && let Some(serial) = serial_type(&name.name)
        {
            return TypeRef { array, ..TypeRef::builtin(serial) };
        }
        if let Some(schema) = name.schema.as_deref().filter(|schema| *schema == "information_schema")
            && builtin::type_named(schema, &name.name).is_some()
        {
            return TypeRef { schema: schema.to_owned(), array, ..TypeRef::builtin(&name.name) };
        }
        let builtin = match name.schema.as_deref() {
            Some("pg_catalog") => true,
            None => builtin::is_type(&name.name),
            Some(_) => false,
        };
        if builtin {
            let modifiers = self.modifiers(&name.name, node);
            // `_int4` is the name of an array type; a vector has a name of its own.
            let element = builtin::type_named("pg_catalog", &name.name)
                .and_then(builtin::element_of_named_array)
                .map(|index| builtin::type_at(index).name);
            let array = array || element.is_some();
            return TypeRef { modifiers, array, ..TypeRef::builtin(element.unwrap_or(&name.name)) };
        }
        if let Some(element) = self.element_of_array_type(&name) {
            let names = element.schema.iter().chain([&element.name]);
            let names = names.map(|part| super::table::string_node(part.clone())).collect();
            return TypeRef { array: true, ..self.need_type(&protobuf::TypeName { names, ..node.clone() }) };
        }
        let span = self.span(node.location);
        let found = self.catalog.find_type(&name, self.path());
        let candidates = match found {
            Found::Yes(id) => vec![self.catalog.type_name(id)],
            _ => self.catalog.candidates(&name, self.path()),
        };
        for candidate in &candidates {
            self.touch(Place::Object(ObjectRef::Type { name: candidate.clone() }), Access::Read);
        }
        let (verdict, id) = match found {
            Found::Yes(id) => (Verdict::Valid, Some(id)),
            Found::No if name.name.starts_with("pg_") || name.name.starts_with('_') => {
                (Verdict::Unknown, None)
            }
            Found::No if self.under_creation.as_ref().is_some_and(|table| candidates.contains(table)) => {
                (Verdict::Unknown, None)
            }
            Found::No => (Verdict::Invalid, None),
            Found::Unknown => (Verdict::Unknown, None),
        };
        let near = if verdict == Verdict::Invalid { self.near_types(&name.name) } else { Vec::new() };
        let mut any_of: Vec<Facet> = Vec::new();
        for candidate in &candidates {
            any_of.push(Facet::Exists(ObjectRef::Type { name: candidate.clone() }));
            any_of.push(Facet::Exists(ObjectRef::relation(candidate)));
        }
        self.require(any_of, span, verdict, Code::DN205, format!("type `{name}` does not exist"), near);
        if let Some(id) = id {
            self.depends.push(Dependency { on: id, column: None });
        }
        let resolved = candidates.into_iter().next();
        TypeRef {
            schema: resolved.as_ref().map_or_else(|| "public".into(), |name| name.schema.clone()),
            name: resolved.map_or(name.name, |name| name.name),
            modifiers: modifier_text(node),
            array,
            id,
        }
    }

    /// The element of an array type that is written by its own name: that of `_mood` is `mood`.
    fn element_of_array_type(&self, name: &Name) -> Option<Name> {
        let element = Name { schema: name.schema.clone(), name: name.name.strip_prefix('_')?.to_owned() };
        let found = |name| matches!(self.catalog.find_type(name, self.path()), Found::Yes(_));
        (!found(name) && found(&element)).then_some(element)
    }

    fn near_types(&self, name: &str) -> Vec<String> {
        let all: Vec<&str> = self.catalog.types().map(|(_, ty)| ty.name.as_str()).collect();
        near_names(name, all).into_iter().map(str::to_owned).collect()
    }

    /// `table.column%TYPE`.
    fn percent_type(&mut self, parts: &[String], location: i32) -> TypeRef {
        let span = self.span(location);
        let Some((column, table)) = parts.split_last() else { return TypeRef::unknown() };
        let Some(id) = self.need_relation(&Name::from_parts(table), span, "table") else {
            return TypeRef::unknown();
        };
        let number = self.need_column(id, column, span);
        number
            .and_then(|number| self.catalog.relation(id)?.column_numbered(number))
            .map_or_else(TypeRef::unknown, |column| column.ty.clone())
    }

    /// The modifiers of a built-in type as `format_type` writes them.
    fn modifiers(&self, name: &str, node: &protobuf::TypeName) -> Option<String> {
        match name {
            "interval" => interval_modifiers(&integers(node)),
            // char and bit without a length are of length 1.
            "bpchar" | "bit" if node.typmods.is_empty() => {
                let written = strings(&node.names);
                (written.len() > 1).then(|| "1".to_owned())
            }
            "numeric" => {
                let list = integers(node);
                match list.as_slice() {
                    [] => None,
                    [precision] => Some(format!("{precision},0")),
                    [precision, scale, ..] => Some(format!("{precision},{scale}")),
                }
            }
            _ => modifier_text(node),
        }
    }
}

/// The integer type behind a `serial` type.
pub fn serial_type(name: &str) -> Option<&'static str> {
    match name {
        "serial" | "serial4" => Some("int4"),
        "bigserial" | "serial8" => Some("int8"),
        "smallserial" | "serial2" => Some("int2"),
        _ => None,
    }
}

fn integers(node: &protobuf::TypeName) -> Vec<i32> {
    node.typmods
        .iter()
        .filter_map(|modifier| match modifier.node.as_ref()? {
            NodeEnum::AConst(constant) => match constant.val.as_ref()? {
                protobuf::a_const::Val::Ival(value) => Some(value.ival),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

fn modifier_text(node: &protobuf::TypeName) -> Option<String> {
    let list: Vec<String> = node
        .typmods
        .iter()
        .filter_map(|modifier| match modifier.node.as_ref()? {
            NodeEnum::AConst(constant) => match constant.val.as_ref()? {
                protobuf::a_const::Val::Ival(value) => Some(value.ival.to_string()),
                protobuf::a_const::Val::Sval(value) => Some(value.sval.clone()),
                protobuf::a_const::Val::Fval(value) => Some(value.fval.clone()),
                _ => None,
            },
            // PostGIS: geometry(Point, 4326).
            NodeEnum::ColumnRef(column) => Some(strings(&column.fields).join(".")),
            _ => None,
        })
        .collect();
    (!list.is_empty()).then(|| list.join(","))
}

/// The grammar gives interval fields as a bit mask (`INTERVAL_MASK` in datetime.h) and a precision.
fn interval_modifiers(list: &[i32]) -> Option<String> {
    const FULL: i32 = 0x7fff;
    const YEAR: i32 = 1 << 2;
    const MONTH: i32 = 1 << 1;
    const DAY: i32 = 1 << 3;
    const HOUR: i32 = 1 << 10;
    const MINUTE: i32 = 1 << 11;
    const SECOND: i32 = 1 << 12;
    let (mask, precision) = match list {
        [] => return None,
        [mask] => (*mask, None),
        [mask, precision, ..] => (*mask, Some(*precision)),
    };
    let fields = match mask {
        FULL => "",
        m if m == YEAR => "year",
        m if m == MONTH => "month",
        m if m == DAY => "day",
        m if m == HOUR => "hour",
        m if m == MINUTE => "minute",
        m if m == SECOND => "second",
        m if m == YEAR | MONTH => "year to month",
        m if m == DAY | HOUR => "day to hour",
        m if m == DAY | HOUR | MINUTE => "day to minute",
        m if m == DAY | HOUR | MINUTE | SECOND => "day to second",
        m if m == HOUR | MINUTE => "hour to minute",
        m if m == HOUR | MINUTE | SECOND => "hour to second",
        m if m == MINUTE | SECOND => "minute to second",
        _ => "",
    };
    match (fields, precision) {
        ("", None) => None,
        ("", Some(precision)) => Some(precision.to_string()),
        (fields, None) => Some(fields.to_owned()),
        (fields, Some(precision)) => Some(format!("{fields}({precision})")),
    }
}
