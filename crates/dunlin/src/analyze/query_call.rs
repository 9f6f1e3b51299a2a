//! Calls of functions: whether they exist, what they give as a source of rows, and what they do besides.

use super::context::strings;
use super::query::{OutputColumn, Resolver, Result};
use super::query_expr::{is_constant, string_constant};
use super::query_scope::Rest;
use super::{Access, Class, Context, Facet, Place, SessionChange, TransactionStatement, Verdict};
use crate::catalog::{
    Catalog, Dependency, Found, Function, FunctionKind, Id, Name, ObjectRef, TypeKind, TypeRef,
};
use crate::diagnostic::{Code, near_names};
use crate::source::Span;
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Finds a function that must exist, callable with `arguments` arguments (none when named or variadic).
    ///
    /// PostgreSQL's own functions are no requirement. What a body reads and writes is not recorded here.
    pub fn need_function(&mut self, name: &Name, arguments: Option<usize>, span: Span) -> Option<Id> {
        let builtin = match name.schema.as_deref() {
            Some(schema) => Catalog::is_system_schema(schema),
            None => crate::catalog::builtin::is_function(&name.name),
        };
        let found = self.catalog.find_function(name, arguments, self.path());
        if builtin && found.yes().is_none() {
            return None;
        }
        let (verdict, id) = match found {
            Found::Yes(id) => (Verdict::Valid, Some(id)),
            // What an extension of this run brings is not known before it is there.
            Found::No if self.catalog.extensions.values().any(String::is_empty) => (Verdict::Unknown, None),
            Found::No => (Verdict::Invalid, None),
            Found::Unknown => (Verdict::Unknown, None),
        };
        let candidates = match id {
            Some(id) => vec![self.catalog.function_name(id)],
            None => self.catalog.candidates(name, self.path()),
        };
        let any_of: Vec<Facet> = candidates
            .iter()
            .map(|name| Facet::Exists(ObjectRef::Function { name: name.clone(), arguments: None }))
            .collect();
        for name in candidates {
            self.touch(Place::Object(ObjectRef::Function { name, arguments: None }), Access::Read);
        }
        if let Some(function) = id.and_then(|id| self.catalog.function(id)) {
            let name = self.catalog.function_name(id.unwrap_or(Id(0)));
            let arguments = Some(function.signature());
            self.touch(Place::Object(ObjectRef::Function { name, arguments }), Access::Read);
        }
        if builtin {
            // Which of the two is meant depends on the types of the arguments.
            return id;
        }
        if let Some(id) = id {
            self.depends.push(Dependency { on: id, column: None });
        }
        let message = format!("function `{name}` does not exist");
        let near = if verdict == Verdict::Invalid { self.near_functions(&name.name) } else { Vec::new() };
        self.require(any_of, span, verdict, Code::DN204, message, near);
        id
    }

    fn near_functions(&self, name: &str) -> Vec<String> {
        let all: Vec<&str> = self.catalog.functions().map(|(_, function)| function.name.as_str()).collect();
        near_names(name, all).into_iter().map(str::to_owned).collect()
    }
}

impl Resolver<'_, '_> {
    /// Analyses a call; gives its type as far as it is sure.
    pub(super) fn call(&mut self, call: &protobuf::FuncCall) -> TypeRef {
        let types: Vec<TypeRef> = call.args.iter().map(|argument| self.expr(argument)).collect();
        self.exprs(&call.agg_order);
        self.opt(&call.agg_filter);
        if let Some(window) = &call.over {
            self.window(window);
        }
        let name = Name::from_parts(&strings(&call.funcname));
        let span = self.ctx.span(call.location);
        let named = call.args.iter().any(|arg| matches!(arg.node, Some(NodeEnum::NamedArgExpr(_))));
        let count = (!named && !call.func_variadic && !call.agg_within_group).then_some(call.args.len());
        let Some(id) = self.ctx.need_function(&name, count, span) else {
            if name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog") {
                self.builtin_effects(&name.name, call, span);
                return builtin_type(&name.name, &types);
            }
            self.foreign_effects(&name.name);
            return TypeRef::unknown();
        };
        if self.data {
            self.ctx.called(id);
        }
        self.user_type(id)
    }

    fn user_type(&self, id: Id) -> TypeRef {
        let Some(function) = self.ctx.catalog.function(id) else { return TypeRef::unknown() };
        let alone = self
            .ctx
            .catalog
            .functions()
            .filter(|(_, other)| other.schema == function.schema && other.name == function.name)
            .count()
            == 1;
        match &function.result {
            Some(result) if alone && !is_polymorphic(&result.name) => result.clone(),
            _ => TypeRef::unknown(),
        }
    }

    /// What built-in functions do that a caller has to know.
    fn builtin_effects(&mut self, name: &str, call: &protobuf::FuncCall, span: Span) {
        match name {
            "nextval" | "setval" | "currval" => self.sequence_call(name, call, span),
            "pg_get_serial_sequence" => self.serial_sequence(call, span),
            "set_config" => self.set_config(call),
            "pg_advisory_unlock_all" => {
                self.ctx.analysis.transaction =
                    Some(TransactionStatement::Refused("pg_advisory_unlock_all() frees Dunlin's own lock"));
            }
            "query_to_xml" | "query_to_xmlschema" | "query_to_xml_and_xmlschema" if self.data => {
                self.ctx.opaque(format!("{name}() runs SQL from a text"));
            }
            "pg_create_logical_replication_slot"
            | "pg_create_physical_replication_slot"
            | "pg_drop_replication_slot"
            | "pg_extension_config_dump"
                if self.data =>
            {
                self.ctx.opaque(format!("{name}() changes what is not modelled"));
            }
            _ if self.data && name.starts_with("lo_") && name != "lo_get" => {
                self.ctx.raise(Class::Writes);
                let class = "large object".to_owned();
                let object = ObjectRef::Other { class, name: "*".into() };
                self.ctx.touch(Place::Object(object), Access::Write);
            }
            _ => self.foreign_effects(name),
        }
    }

    /// Functions of extensions that are known to run SQL from a text.
    fn foreign_effects(&mut self, name: &str) {
        let runs_sql = matches!(
            name,
            "dblink_exec" | "create_hypertable" | "create_parent" | "create_distributed_table"
        );
        if self.data && (runs_sql || name == "dblink") {
            self.ctx.opaque(format!("{name}() runs SQL from a text"));
        }
    }

    fn sequence_call(&mut self, name: &str, call: &protobuf::FuncCall, span: Span) {
        let Some(argument) = call.args.first() else { return };
        let text = match argument.node.as_ref() {
            Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().and_then(string_constant),
            _ => {
                let text = string_constant(argument);
                if let Some(text) = text {
                    self.ctx.need_named_relation(text, "sequence", span);
                }
                text
            }
        };
        if !self.data || name == "currval" {
            return;
        }
        let sequence = text
            .and_then(super::query_name::parse_name)
            .and_then(|name| self.ctx.catalog.find_relation(&name, self.ctx.path()).yes());
        let access = if name == "setval" { Access::Write } else { Access::Insert };
        if let Some(id) = sequence {
            let name = self.ctx.catalog.relation_name(id);
            self.ctx.touch(Place::Rows(name), access);
        }
        let first = self.ctx.analysis.data.is_none() && self.ctx.analysis.class == Class::Reads;
        self.ctx.raise(Class::Writes);
        if first {
            // A number that is worked out from the rows is right at any time; a constant would set the
            // sequence back behind rows that were added since.
            let constant = call.args.get(1).is_none_or(super::query_expr::is_constant);
            self.ctx.data().repeatable = name == "setval" && !constant;
        }
    }

    fn serial_sequence(&mut self, call: &protobuf::FuncCall, span: Span) {
        let [table, column] = call.args.as_slice() else { return };
        let (Some(table), Some(column)) = (string_constant(table), string_constant(column)) else { return };
        let Some(name) = super::query_name::parse_name(table) else { return };
        if let Some(id) = self.ctx.need_relation(&name, span, "table") {
            self.ctx.need_column(id, column, span);
        }
    }

    /// `SELECT set_config('name', 'value', is_local)` is a SET.
    fn set_config(&mut self, call: &protobuf::FuncCall) {
        if !self.top_level || self.scopes.len() != 1 || self.ctx.nested {
            return;
        }
        let [name, value, local] = call.args.as_slice() else { return };
        let (Some(name), Some(value), true) =
            (string_constant(name), string_constant(value), is_constant(local))
        else {
            self.ctx.opaque("set_config() with a setting or value that is worked out");
            return;
        };
        let name = name.to_lowercase();
        let local = boolean(local).unwrap_or(false);
        let values = if name == "search_path" { list_of_names(value) } else { vec![value.to_owned()] };
        let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
        // A backslash is no escape in what standard_conforming_strings is on for; E'' is right in both.
        let value = if value.contains('\\') {
            format!("E{}", quote(&value.replace('\\', "\\\\")))
        } else {
            quote(value)
        };
        let sql = format!("SELECT pg_catalog.set_config({}, {value}, {local})", quote(&name));
        self.ctx.raise(Class::Session);
        self.ctx.analysis.session.push(SessionChange::Set { name, values: Some(values), local, sql });
    }

    /// What a function in FROM gives; `scalar` names the column of a function that gives one plain value.
    pub(super) fn function_result(&mut self, call: &protobuf::Node, scalar: &str) -> Result {
        let one = |ty: TypeRef| Result::known(vec![OutputColumn { name: scalar.to_owned(), ty }]);
        let Some(NodeEnum::FuncCall(call)) = call.node.as_ref() else { return one(TypeRef::unknown()) };
        let name = Name::from_parts(&strings(&call.funcname));
        let mut found = self
            .ctx
            .catalog
            .find_functions(&name, self.ctx.path())
            .into_iter()
            .map(|(_, function)| function)
            .filter(|function| function.takes(call.args.len()));
        match (found.next(), found.next()) {
            (Some(function), None) => result_of(self.ctx.catalog, function, scalar),
            (None, _) if name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog") => {
                builtin_result(&name.name, scalar)
            }
            _ => Result::unknown(),
        }
    }
}

fn builtin_result(name: &str, scalar: &str) -> Result {
    let known = |names: &[(&str, &str)]| {
        let columns = names.iter().map(|(name, ty)| OutputColumn {
            name: (*name).to_owned(),
            ty: if ty.is_empty() { TypeRef::unknown() } else { TypeRef::builtin(ty) },
        });
        Result::known(columns.collect())
    };
    match name {
        "generate_series" => known(&[(scalar, "")]),
        "generate_subscripts" => known(&[(scalar, "int4")]),
        "regexp_split_to_table" | "string_to_table" | "json_object_keys" | "jsonb_object_keys" => {
            known(&[(scalar, "text")])
        }
        "json_array_elements" => known(&[("value", "json")]),
        "jsonb_array_elements" => known(&[("value", "jsonb")]),
        "json_array_elements_text" | "jsonb_array_elements_text" => known(&[("value", "text")]),
        "json_each" => known(&[("key", "text"), ("value", "json")]),
        "jsonb_each" => known(&[("key", "text"), ("value", "jsonb")]),
        "json_each_text" | "jsonb_each_text" => known(&[("key", "text"), ("value", "text")]),
        // Their columns may be those of a table of the user's.
        "unnest"
        | "json_populate_record"
        | "jsonb_populate_record"
        | "json_populate_recordset"
        | "jsonb_populate_recordset" => Result::unknown(),
        _ if crate::catalog::builtin::is_function(name) => {
            Result { columns: None, open: Vec::new(), rest: Rest::Anything }
        }
        _ => Result::unknown(),
    }
}

/// What a function of the user's gives as a source.
fn result_of(catalog: &Catalog, function: &Function, scalar: &str) -> Result {
    let outputs: Vec<_> =
        function.parameters.iter().filter(|parameter| matches!(parameter.mode, 'o' | 'b' | 't')).collect();
    if !outputs.is_empty() {
        let single = outputs.len() == 1;
        let columns = outputs.iter().enumerate().map(|(at, parameter)| OutputColumn {
            name: match (&parameter.name, single) {
                (Some(name), _) => name.clone(),
                (None, true) => scalar.to_owned(),
                (None, false) => format!("column{}", at + 1),
            },
            ty: parameter.ty.clone(),
        });
        return Result::known(columns.collect());
    }
    let Some(result) = &function.result else { return Result::unknown() };
    let one = Result::known(vec![OutputColumn { name: scalar.to_owned(), ty: result.clone() }]);
    match result.id {
        _ if result.array => one,
        None if result.schema == "pg_catalog" && !is_polymorphic(&result.name) => one,
        None => Result::unknown(),
        Some(id) => match (catalog.type_by_id(id), catalog.relation(id)) {
            (Some(ty), _) if matches!(ty.kind, TypeKind::Enum(_) | TypeKind::Range) => one,
            (_, Some(relation)) if relation.columns_known => {
                let columns = relation
                    .columns
                    .iter()
                    .map(|column| OutputColumn { name: column.name.clone(), ty: column.ty.clone() });
                Result {
                    columns: Some(columns.collect()),
                    open: vec![catalog.relation_name(id)],
                    rest: Rest::Nothing,
                }
            }
            _ => Result::unknown(),
        },
    }
}

fn is_polymorphic(name: &str) -> bool {
    name.starts_with("any") || matches!(name, "record" | "?" | "trigger" | "event_trigger")
}

fn builtin_type(name: &str, arguments: &[TypeRef]) -> TypeRef {
    match name {
        "count" | "nextval" | "setval" | "currval" | "row_number" | "rank" | "dense_rank" => {
            TypeRef::builtin("int8")
        }
        "now" | "clock_timestamp" | "statement_timestamp" | "transaction_timestamp" => {
            TypeRef::builtin("timestamptz")
        }
        "gen_random_uuid" => TypeRef::builtin("uuid"),
        "to_char" | "md5" | "concat" | "concat_ws" | "format" | "quote_ident" => TypeRef::builtin("text"),
        "to_tsvector" => TypeRef::builtin("tsvector"),
        "array_agg" => match arguments {
            [element] if !element.is_unknown() && !element.array && element.modifiers.is_none() => {
                TypeRef { array: true, ..element.clone() }
            }
            _ => TypeRef::unknown(),
        },
        _ => TypeRef::unknown(),
    }
}

/// The value of a constant TRUE or FALSE.
pub(super) fn boolean(node: &protobuf::Node) -> Option<bool> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            protobuf::a_const::Val::Boolval(value) => Some(value.boolval),
            protobuf::a_const::Val::Sval(text) => match text.sval.as_str() {
                "t" | "true" => Some(true),
                "f" | "false" => Some(false),
                _ => None,
            },
            _ => None,
        },
        NodeEnum::TypeCast(cast) => boolean(cast.arg.as_deref()?),
        _ => None,
    }
}

/// A list of identifiers as a setting's value writes it: `a, "B"`.
fn list_of_names(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => part.to_lowercase(),
        })
        .collect()
}

/// Whether a call of the function can do anything beyond giving a value.
pub(super) fn may_act(function: &Function) -> bool {
    function.volatility == 'v' && !matches!(function.kind, FunctionKind::Aggregate | FunctionKind::Window)
}
