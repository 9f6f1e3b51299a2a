//! Calls of functions: whether they exist, what they give as a source of rows, and what they do besides.

use super::context::strings;
use super::query::{OutputColumn, Resolver, Result};
use super::query_expr::{is_constant, string_constant};
use super::query_scope::Rest;
use super::typing::{Arguments, Collation, FunctionChoice, Resolved, Routine, Ty, Typed};
use super::{Access, Class, Context, Facet, Place, SessionChange, TransactionStatement, Verdict};
use crate::catalog::{Catalog, Column, Dependency, Found, Function, FunctionKind, Id, Name, ObjectRef};
use crate::diagnostic::{Code, near_names};
use crate::source::Span;
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Finds a function that must exist, callable with `arguments` arguments (none when named or variadic).
    ///
    /// PostgreSQL's own functions are no requirement. What a body reads and writes is not recorded here.
    pub fn need_function(&mut self, name: &Name, arguments: Option<usize>, span: Span) -> Option<Id> {
        let found = self.catalog.find_function(name, arguments, self.path());
        if self.is_builtin_function(name) && found.yes().is_none() {
            return None;
        }
        self.require_function(name, found, span, format!("function `{name}` does not exist"))
    }

    fn is_builtin_function(&self, name: &Name) -> bool {
        match name.schema.as_deref() {
            Some(schema) => Catalog::is_system_schema(schema),
            None => crate::catalog::builtin::is_function(&name.name),
        }
    }

    /// Records the requirement on a function that was looked for.
    fn require_function(&mut self, name: &Name, found: Found<Id>, span: Span, message: String) -> Option<Id> {
        let (verdict, id) = match found {
            Found::Yes(id) => (Verdict::Valid, Some(id)),
            Found::No if !self.is_complete() => (Verdict::Unknown, None),
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
        if let Some(id) = id {
            self.depends.push(Dependency { on: id, column: None });
        }
        let near = if verdict == Verdict::Invalid { self.near_functions(&name.name) } else { Vec::new() };
        self.require(any_of, span, verdict, Code::DN204, message, near);
        id
    }

    /// Whether the server's version is known, and one that the lists of what servers bring cover.
    pub(super) fn knows_server(&self) -> bool {
        self.catalog.roles.is_some() && (14..=18).contains(&(self.catalog.server_version / 10_000))
    }

    /// Whether nothing is on its way that this catalog cannot know: what an extension of this run brings is not
    /// known before it is there.
    pub(super) fn is_complete(&self) -> bool {
        !self.catalog.extensions.values().any(String::is_empty)
    }

    /// Records that no function takes these arguments.
    pub(super) fn no_function(
        &mut self,
        name: &Name,
        count: Option<usize>,
        arguments: &Arguments,
        span: Span,
    ) -> Option<Id> {
        let types = self.types();
        // A row of which not all is known may have a column of that name.
        let field = match arguments.types.as_slice() {
            [only] => match types.row(*only).and_then(|id| self.catalog.relation(id)) {
                Some(relation) => !relation.columns_known,
                None => types.is_composite(*only) != Some(false),
            },
            _ => false,
        };
        // Without a server it may be of any version.
        let elsewhere = !self.knows_server()
            && types.versions().any(|types| !matches!(types.function(name, arguments), Resolved::Nothing));
        let path =
            name.schema.is_none() && self.path().0.iter().any(|schema| Catalog::is_system_schema(schema));
        let system = name.schema.as_deref().is_some_and(Catalog::is_system_schema);
        let known = self.is_builtin_function(name) || types.has_own_function(name);
        if field || elsewhere || path || !known {
            return self.need_function(name, count, span);
        }
        // An extension may have put functions there, which are not read.
        let found = if system && self.catalog.extensions.len() > 1 { Found::Unknown } else { Found::No };
        let shown = |ty: &Ty| match ty.is_literal() {
            true => "unknown".to_owned(),
            false => types.to_ref(&Typed::of(*ty)).to_string(),
        };
        let list: Vec<String> = arguments.types.iter().map(shown).collect();
        let message = format!("function `{name}({})` does not exist", list.join(", "));
        self.require_function(name, found, span, message)
    }

    fn near_functions(&self, name: &str) -> Vec<String> {
        let all: Vec<&str> = self.catalog.functions().map(|(_, function)| function.name.as_str()).collect();
        near_names(name, all).into_iter().map(str::to_owned).collect()
    }
}

impl Resolver<'_, '_> {
    /// Analyses a call; gives its type as far as it is sure.
    pub(super) fn call(&mut self, call: &protobuf::FuncCall) -> Typed {
        self.call_with(call).0
    }

    /// Analyses a call; gives its type and the columns of the row that it gives, as far as they are sure.
    pub(super) fn call_with(&mut self, call: &protobuf::FuncCall) -> (Typed, Called) {
        let is_call = std::mem::take(&mut self.is_call);
        let mut given: Vec<Typed> = call.args.iter().map(|argument| self.expr(argument)).collect();
        let ordered: Vec<Typed> = call.agg_order.iter().map(|item| self.expr(item)).collect();
        if call.agg_within_group {
            given.extend(ordered);
        }
        self.opt(&call.agg_filter);
        if let Some(window) = &call.over {
            self.window(window);
        }
        let name = Name::from_parts(&strings(&call.funcname));
        let span = self.ctx.span(call.location);
        let arguments = Arguments {
            types: given.iter().map(|typed| typed.ty).collect(),
            names: call.args.iter().filter_map(argument_name).collect(),
            variadic: call.func_variadic,
            is_call,
            is_support: false,
        };
        let resolved = self.ctx.types().function(&name, &arguments);
        let by_count =
            arguments.names.is_empty() && !call.func_variadic && !call.agg_within_group && !is_call;
        let count = by_count.then_some(call.args.len());
        let id = match &resolved {
            Resolved::One(FunctionChoice { routine: Some(Routine::Own(id)), .. }) => {
                self.ctx.require_function(&name, Found::Yes(*id), span, String::new())
            }
            Resolved::One(FunctionChoice { routine: Some(Routine::Builtin(_)), .. }) => None,
            Resolved::One(FunctionChoice { routine: Some(Routine::Cast), result, .. }) => {
                if let Ty::Own(id) = result {
                    self.ctx.depends.push(Dependency { on: *id, column: None });
                }
                None
            }
            Resolved::Nothing => match self.projected(&name, &arguments) {
                Some(field) => return (field, Called::default()),
                None => self.ctx.no_function(&name, count, &arguments, span),
            },
            _ => self.ctx.need_function(&name, count, span),
        };
        match id {
            Some(id) if self.data => {
                let surely = is_call || self.ctx.sure_call == Some(call.location);
                self.ctx.called_once(id, surely);
            }
            Some(_) => {}
            None if name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog") => {
                self.builtin_effects(&name.name, call, span);
            }
            None => self.foreign_effects(&name.name),
        }
        if let Resolved::One(choice) = &resolved
            && !matches!(name.name.as_str(), "nextval" | "setval" | "currval")
        {
            self.literal_arguments(&call.args, &choice.parameters, span);
        }
        let Resolved::One(choice) = resolved else {
            return (Typed::unsure(), Called { name, ..Called::default() });
        };
        let collation = Collation::merged(choice.result, given.iter().map(|typed| &typed.collation));
        let called = Called { name, routine: choice.routine, inputs: arguments.types };
        let fields = if choice.result.is("record") { self.outputs(&called) } else { None };
        (Typed { collation, fields, ..Typed::of(choice.result) }, called)
    }

    /// `column(row)` is `row.column` where there is no such function.
    fn projected(&self, name: &Name, arguments: &Arguments) -> Option<Typed> {
        let [row] = arguments.types.as_slice() else { return None };
        if name.schema.is_some() {
            return None;
        }
        let field = self.field(&Typed::of(*row), &name.name);
        (!field.ty.is_unsure()).then_some(field)
    }

    /// `row.function` is `function(row)` where the row has no such column.
    pub(super) fn function_field(&mut self, at: (usize, usize), name: &str, span: Span) -> Option<Typed> {
        let row = self.row_type(at);
        let name = Name { schema: None, name: name.to_owned() };
        if row.ty.is_unsure() || !self.ctx.types().has_own_function(&name) {
            return None;
        }
        let arguments = Arguments { types: vec![row.ty], ..Arguments::default() };
        match self.ctx.types().function(&name, &arguments) {
            Resolved::One(FunctionChoice { routine, result, .. }) => {
                self.use_row(at);
                if let Some(Routine::Own(id)) = routine {
                    self.ctx.require_function(&name, Found::Yes(id), span, String::new());
                    if self.data {
                        self.ctx.called(id);
                    }
                }
                Some(Typed::of(result))
            }
            Resolved::Unsure => Some(Typed::unsure()),
            Resolved::Nothing => None,
        }
    }

    /// What built-in functions do that a caller has to know.
    fn builtin_effects(&mut self, name: &str, call: &protobuf::FuncCall, span: Span) {
        match name {
            "nextval" | "setval" | "currval" => self.sequence_call(name, call, span),
            "set_config" => self.set_config(call),
            "pg_advisory_unlock_all" => {
                self.ctx.analysis.transaction =
                    Some(TransactionStatement::Refused("pg_advisory_unlock_all() frees Dunlin's own lock"));
            }
            "query_to_xml" | "query_to_xmlschema" | "query_to_xml_and_xmlschema"
                if self.data && !call.args.iter().all(is_constant) =>
            {
                self.ctx.opaque(format!("{name}() runs SQL from a text"));
            }
            "pg_get_object_address" if self.data => self.ctx.unknown_look_up(name, span),
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
        self.looked_up(name, call, span);
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

    /// `SELECT set_config('name', 'value', is_local)` is a SET.
    fn set_config(&mut self, call: &protobuf::FuncCall) {
        let [name, value, local] = call.args.as_slice() else { return };
        if self.ctx.sets {
            // In a block, settings of the application's own are often worked out.
            let own = string_constant(name).is_some_and(|name| {
                !matches!(name.to_lowercase().as_str(), "search_path" | "role" | "session_authorization")
            });
            let known = self.top_level && self.scopes.len() == 1 && string_constant(value).is_some();
            if own || !known {
                self.ctx.path_unknown |= !own;
                return;
            }
        } else if !self.top_level || self.scopes.len() != 1 || self.ctx.nested {
            return;
        }
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
    pub(super) fn function_result(&mut self, typed: &Typed, called: &Called, scalar: &str) -> Result {
        if let Some(columns) = self.outputs(called) {
            let named = columns.into_iter().map(|column| match column.name.as_str() {
                "" => OutputColumn { name: scalar.to_owned(), ..column },
                _ => column,
            });
            return Result::known(named.collect());
        }
        let types = self.ctx.types();
        let name = &called.name;
        if typed.ty.is_unsure() || typed.ty.is("record") {
            let own = types.has_own_function(name);
            let system = name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
            return if own || !system { Result::unknown() } else { builtin_result(&name.name) };
        }
        match types.row(typed.ty) {
            Some(id) => match self.ctx.catalog.relation(id).filter(|relation| relation.columns_known) {
                Some(relation) => {
                    let column = |column: &Column| OutputColumn {
                        name: column.name.clone(),
                        ty: super::query::column_type(column),
                    };
                    Result {
                        columns: Some(relation.columns.iter().map(column).collect()),
                        open: vec![self.ctx.catalog.relation_name(id)],
                        rest: Rest::Nothing,
                    }
                }
                None => Result::unknown(),
            },
            None => Result::known(vec![OutputColumn { name: scalar.to_owned(), ty: typed.clone() }]),
        }
    }

    /// The columns that a function's OUT parameters make; a single one without a name has none.
    fn outputs(&self, called: &Called) -> Option<Vec<OutputColumn>> {
        let (parameters, listed): (Vec<Ty>, Vec<Listed>) = match called.routine? {
            Routine::Cast => return None,
            Routine::Builtin(function) => {
                let all = function.arguments.iter();
                let all = all.map(|argument| {
                    (argument.name.map(str::to_owned), Ty::Builtin(argument.ty), argument.mode)
                });
                split(all.collect())
            }
            Routine::Own(id) => {
                let all = self.ctx.catalog.function(id)?.parameters.iter();
                let all = all.map(|parameter| {
                    (parameter.name.clone(), super::typing::from_ref(&parameter.ty), parameter.mode)
                });
                split(all.collect())
            }
        };
        if listed.is_empty() {
            return None;
        }
        let single = listed.len() == 1;
        let types = self.ctx.types();
        let columns = listed.into_iter().enumerate().map(|(at, (name, ty, _))| OutputColumn {
            name: match name.filter(|name| !name.is_empty()) {
                Some(name) => name,
                None if single => String::new(),
                None => format!("column{}", at + 1),
            },
            ty: Typed::of(types.result(&called.inputs, &parameters, ty)),
        });
        Some(columns.collect())
    }
}

/// What a call was found to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Called {
    name: Name,
    routine: Option<Routine>,
    inputs: Vec<Ty>,
}

type Listed = (Option<String>, Ty, char);

/// The input types of a function, and its output parameters.
fn split(all: Vec<Listed>) -> (Vec<Ty>, Vec<Listed>) {
    let inputs = all.iter().filter(|(_, _, mode)| matches!(mode, 'i' | 'b' | 'v')).map(|(_, ty, _)| *ty);
    let inputs = inputs.collect();
    (inputs, all.into_iter().filter(|(_, _, mode)| matches!(mode, 'o' | 'b' | 't')).collect())
}

fn argument_name(node: &protobuf::Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::NamedArgExpr(argument) => Some(argument.name.clone()),
        _ => None,
    }
}

/// What a built-in function gives of which it is not known with what types it is called.
fn builtin_result(name: &str) -> Result {
    // Their columns may be those of a table of the user's.
    let rows = matches!(
        name,
        "unnest"
            | "json_populate_record"
            | "jsonb_populate_record"
            | "json_populate_recordset"
            | "jsonb_populate_recordset"
    );
    if rows || !crate::catalog::builtin::is_function(name) {
        return Result::unknown();
    }
    Result { columns: None, open: Vec::new(), rest: Rest::Anything }
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
