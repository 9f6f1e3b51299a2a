//! Constants that name objects: what a text is once it has the type of a reference or an enum, and what functions look
//! up by a name that they are given as text.

use super::named::Named;
use super::query::Resolver;
use super::query_call::boolean;
use super::query_expr::{is_constant, is_null, string_constant};
use super::query_name::parse_name;
use super::typing::Ty;
use super::{Context, Verdict};
use crate::catalog::{Name, builtin};
use crate::diagnostic::Code;
use crate::source::Span;
use crate::syntax::{NodeEnum, parse_sql_fragment, protobuf};

/// What a function's text argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Relation,
    Sequence,
    Schema,
    Role,
    Type,
    Column,
    Setting,
    Query,
    Parser,
}

/// Functions that look up what their text arguments name when they are called: the arguments by place. Others of
/// the same names take numbers (oids) there.
const LOOK_UPS: &[(&str, &[Option<Names>])] = &[
    ("pg_get_viewdef", &[Some(Names::Relation)]),
    ("pg_get_serial_sequence", &[Some(Names::Relation), Some(Names::Column)]),
    ("row_security_active", &[Some(Names::Relation)]),
    ("schema_to_xml", &[Some(Names::Schema)]),
    ("schema_to_xmlschema", &[Some(Names::Schema)]),
    ("schema_to_xml_and_xmlschema", &[Some(Names::Schema)]),
    ("current_setting", &[Some(Names::Setting)]),
    ("query_to_xml", &[Some(Names::Query)]),
    ("query_to_xmlschema", &[Some(Names::Query)]),
    ("query_to_xml_and_xmlschema", &[Some(Names::Query)]),
    ("ts_rewrite", &[None, Some(Names::Query)]),
    ("ts_stat", &[Some(Names::Query)]),
    ("ts_token_type", &[Some(Names::Parser)]),
    ("ts_parse", &[Some(Names::Parser)]),
];

/// Functions that ask for a privilege: what the argument before the privilege names; before it stands a role, or not.
const PRIVILEGES: &[(&str, Names)] = &[
    ("has_table_privilege", Names::Relation),
    ("has_any_column_privilege", Names::Relation),
    ("has_sequence_privilege", Names::Sequence),
    ("has_schema_privilege", Names::Schema),
    ("has_type_privilege", Names::Type),
    ("pg_has_role", Names::Role),
];

impl Resolver<'_, '_> {
    /// Requires what a string constant names once it is of a type: a table for `regclass`, a label for an enum.
    pub(super) fn literal(&mut self, ty: Ty, text: &str, span: Span) {
        let ty = self.ctx.types().base(ty);
        let named = |name: &str| ty.is(name);
        let head = text.split('(').next().unwrap_or(text);
        if let Ty::Own(id) = ty {
            self.label(id, text, span);
        } else if !ty.is_reference() {
        } else if let Some(schema) = self.missing_schema(head) {
            self.ctx.need_schema(&schema, span);
        } else if named("regprocedure") && text.contains('(') {
            if let Some(name) = parse_name(head) {
                self.ctx.need_function(&name, None, span);
            }
        } else if named("regoper") || named("regoperator") {
            self.need_named_operator(head.trim(), span);
        } else if named("regclass") {
            self.ctx.need_named_relation(text, "table", span);
        } else if named("regtype") {
            self.ctx.need_named_type(text, span);
        } else if let Some(name) = parse_name(text) {
            self.named_reference(ty, name, span);
        }
    }

    fn named_reference(&mut self, ty: Ty, name: Name, span: Span) {
        if ty.is("regproc") {
            self.ctx.need_function(&name, None, span);
        } else if ty.is("regnamespace") {
            self.ctx.need_schema(&name.name, span);
        } else if ty.is("regrole") {
            self.ctx.need_named_role(&name.name, span);
        } else if ty.is("regconfig") {
            self.need_search_object("text search configuration", name, span);
        } else if ty.is("regdictionary") {
            self.need_search_object("text search dictionary", name, span);
        }
    }

    /// The schema that a name in a text has, when there is no such schema.
    fn missing_schema(&self, text: &str) -> Option<String> {
        let end =
            text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '"'))).filter(|end| *end > 0)?;
        if !text[end..].starts_with('.') {
            return None;
        }
        let schema = parse_name(&text[..end])?.name;
        self.ctx.catalog.find_schema(&schema).is_no().then_some(schema)
    }

    /// Requires that there is some operator of a name.
    fn need_named_operator(&mut self, name: &str, span: Span) {
        let symbol = name.rsplit_once('.').map_or(name, |(_, symbol)| symbol);
        let own = self.ctx.catalog.others_of("operator").any(|(_, operator)| operator.name == symbol);
        let number = symbol.chars().all(|c| c.is_ascii_digit());
        if !own && !number && builtin::operators(symbol).is_empty() && self.ctx.is_complete() {
            let message = format!("operator `{name}` does not exist");
            self.ctx.require(Vec::new(), span, Verdict::Invalid, Code::DN204, message, Vec::new());
        }
    }

    fn need_search_object(&mut self, class: &'static str, name: Name, span: Span) {
        let need = self.ctx.need_named(&Named::in_schema(class, name), span);
        self.ctx.depends.extend(need);
    }

    /// Requires what the string constants among a call's arguments name, by the types of the parameters.
    pub(super) fn literal_arguments(&mut self, arguments: &[protobuf::Node], parameters: &[Ty], span: Span) {
        for (argument, parameter) in arguments.iter().zip(parameters) {
            let value = match argument.node.as_ref() {
                Some(NodeEnum::NamedArgExpr(named)) => named.arg.as_deref(),
                _ => Some(argument),
            };
            if let Some(text) = value.and_then(string_constant) {
                self.literal(*parameter, text, span);
            }
        }
    }

    /// Requires what one of PostgreSQL's functions looks up when it is called with these constants.
    pub(super) fn looked_up(&mut self, name: &str, call: &protobuf::FuncCall, span: Span) {
        let args = call.args.as_slice();
        // A strict function is not called with NULL.
        if !self.data || args.iter().any(is_null) {
            return;
        }
        let listed = LOOK_UPS.iter().find(|(function, _)| *function == name);
        let names: Vec<(Names, &str)> = if name == "has_column_privilege" {
            match args {
                [table, column, _] | [_, table, column, _] => {
                    let table = string_constant(table).map(|table| (Names::Relation, table));
                    table
                        .into_iter()
                        .chain(string_constant(column).map(|column| (Names::Column, column)))
                        .collect()
                }
                _ => return,
            }
        } else {
            match (listed, PRIVILEGES.iter().find(|(own, _)| *own == name), args) {
                (Some((_, places)), ..) => {
                    let all = places.iter().zip(args);
                    all.filter_map(|(place, node)| Some(((*place)?, string_constant(node)?))).collect()
                }
                (_, Some((_, names)), [rest @ .., object, _]) => {
                    let role = rest.last().and_then(string_constant).map(|role| (Names::Role, role));
                    let object = string_constant(object).map(|object| (*names, object));
                    role.into_iter().chain(object).collect()
                }
                _ => return,
            }
        };
        // With the second argument true a setting may be missing.
        if name == "current_setting"
            && args.get(1).is_some_and(|missing_ok| boolean(missing_ok) != Some(false))
        {
            return;
        }
        // What is worked out may be NULL.
        let unsure = !self.is_surely_called() || !args.iter().all(is_constant);
        let outer = std::mem::replace(&mut self.ctx.unsure, unsure);
        for (what, text) in &names {
            self.look_up(*what, text, &names, span);
        }
        self.ctx.unsure = outer;
    }

    fn look_up(&mut self, what: Names, text: &str, all: &[(Names, &str)], span: Span) {
        match what {
            Names::Relation => self.ctx.need_named_relation(text, "table", span),
            Names::Sequence => self.ctx.need_named_relation(text, "sequence", span),
            // Names of schemas and roles are taken as they are.
            Names::Schema => {
                self.ctx.need_schema(text, span);
            }
            Names::Role if text == "public" => {}
            Names::Role => self.ctx.need_named_role(text, span),
            Names::Type => self.ctx.need_named_type(text, span),
            Names::Setting => self.ctx.need_setting(text, span),
            Names::Parser => {
                let name = parse_name(text);
                name.into_iter().for_each(|name| self.need_search_object("text search parser", name, span));
            }
            Names::Query => self.query_in_text(text),
            // The names of columns that were dropped.
            Names::Column if text.starts_with("........pg.dropped.") => {}
            Names::Column => {
                let table = all.first().and_then(|(_, table)| parse_name(table));
                let table =
                    table.and_then(|name| self.ctx.catalog.find_relation(&name, self.ctx.path()).yes());
                if let Some(table) = table {
                    self.ctx.need_column(table, text, span);
                }
            }
        }
    }

    /// Whether the expression that is analysed is worked out surely, and not only for rows that may not be there.
    fn is_surely_called(&self) -> bool {
        self.branches == 0
            && self.scopes.len() == 1
            && self.scopes.iter().all(|scope| scope.entries.is_empty())
    }

    /// A query in a constant, which a function runs.
    fn query_in_text(&mut self, text: &str) {
        match parse_sql_fragment(text.trim_end().trim_end_matches(';')) {
            Ok(node @ NodeEnum::SelectStmt(_)) => self.ctx.run_inside(&node),
            _ => self.ctx.opaque("SQL in a text that is no query"),
        }
    }
}

impl Context<'_> {
    /// Requires a role by its name.
    pub(super) fn need_named_role(&mut self, name: &str, span: Span) {
        let meant = self.meant_role(name);
        self.need_meant(&meant, span);
    }

    /// Requires a setting that the server knows; those with a dot in their names are anybody's.
    pub(super) fn need_setting(&mut self, name: &str, span: Span) {
        let folded = name.to_lowercase();
        // What SHOW ALL leaves out, and older names of settings.
        const UNLISTED: [&str; 8] = [
            "all",
            "role",
            "session_authorization",
            "is_superuser",
            "seed",
            "default_with_oids",
            "sort_mem",
            "vacuum_mem",
        ];
        let known = builtin::setting(&folded, self.catalog.server_version);
        if known == Some(true)
            || UNLISTED.contains(&folded.as_str())
            || self.session.setting(&folded).is_some()
        {
            return;
        }
        // A fork of PostgreSQL may have settings of its own.
        let verdict = match known {
            Some(_) if self.knows_server() => Verdict::Invalid,
            _ => Verdict::Unknown,
        };
        let message = format!("the server knows no setting `{name}`");
        self.require(Vec::new(), span, verdict, Code::DN208, message, Vec::new());
    }

    /// A function finds objects by what its texts say, in ways that are not followed here.
    pub(super) fn unknown_look_up(&mut self, function: &str, span: Span) {
        let message = format!("what {function}() looks up is not known");
        self.require(Vec::new(), span, Verdict::Unknown, Code::DN208, message, Vec::new());
    }

    /// Takes over what a query needs, reads and does that a function runs.
    fn run_inside(&mut self, node: &NodeEnum) {
        let statement = self.without_places();
        let mut nested = Context::new(&statement, self.catalog, self.session);
        nested.nested = true;
        nested.tentative = self.tentative;
        nested.unsure = self.unsure;
        nested.bodies = std::rc::Rc::clone(&self.bodies);
        nested.nested_statement(node);
        let analysis = nested.analysis;
        self.analysis.requires.extend(analysis.requires);
        self.analysis.footprint.extend(&analysis.footprint);
        self.analysis.effects.extend(analysis.effects);
        for lock in analysis.locks {
            lock.relation.into_iter().for_each(|relation| self.lock(relation, lock.mode));
        }
        self.raise(analysis.class);
        if let Some(reason) = analysis.opaque {
            self.opaque(reason);
        }
    }
}
