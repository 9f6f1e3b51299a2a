//! Bodies of functions: what their calls do, and what CREATE FUNCTION checks in them.

use super::procedural::Runner;
use super::query::Resolver;
use super::query_call::may_act;
use super::session_statements::setting_text;
use super::unpacked::{Body, read_script};
use super::{
    Access, Analysis, Class, Context, Facet, Place, Requirement, Session, SessionChange, Transactional,
    Verdict,
};
use crate::catalog::{
    Catalog, Dependency, Detail, DetailValue, Effect, Function, FunctionKind, Id, Name, ObjectRef, Origin,
    QName, RelationKind, SearchPath, Subject,
};
use crate::syntax::plpgsql::plpgsql;
use crate::syntax::{NodeEnum, Statement, TokenDigest, Tree, protobuf};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

/// More calls than this in one statement are not followed: calls that call twice grow without end.
const MOST_BODIES: usize = 500;

/// The function bodies that are read for one statement, with all that is nested in it.
#[derive(Debug, Default)]
pub struct Bodies {
    /// Those that are being read, outermost first: a recursive call ends there.
    open: RefCell<Vec<Id>>,
    /// Those whose footprint a trigger has added: once is enough, however many rows and triggers lead there.
    touched: RefCell<BTreeSet<Id>>,
    /// Whether a trigger is looked at: only what it touches counts.
    for_footprint: Cell<bool>,
    /// How many were read.
    read: Cell<usize>,
}

impl Context<'_> {
    /// Records what a called function does, as far as its body is known and static.
    pub(super) fn called(&mut self, id: Id) {
        self.called_once(id, false);
    }

    /// Records what a called function does; where the call is surely made, and once, also to the schema.
    pub(super) fn called_once(&mut self, id: Id, surely: bool) {
        let applies = surely && !self.bodies.for_footprint.get() && self.runs_as_here(id);
        if let Err(reason) = self.body_effects(id, applies) {
            let acts = self.catalog.function(id).is_some_and(may_act);
            if acts {
                self.opaque(reason);
            }
        }
    }

    /// Records what a trigger's function does. One that cannot be read may touch anything, but the
    /// statement that fires it is understood all the same; only where what it executes may be DDL, the schema is
    /// not known after it.
    pub(super) fn called_by_trigger(&mut self, id: Id) {
        let outer = self.bodies.for_footprint.replace(true);
        self.footprint_of_trigger(id);
        self.bodies.for_footprint.set(outer);
    }

    fn footprint_of_trigger(&mut self, id: Id) {
        let (class, opaque) = (self.analysis.class, self.analysis.opaque.clone());
        let effects = self.analysis.effects.len();
        let read = self.body_footprint(id).is_ok();
        let hidden = !read || self.analysis.opaque != opaque;
        if hidden {
            self.touch(Place::Everything, Access::Write);
        }
        self.analysis.effects.truncate(effects);
        self.analysis.opaque = opaque;
        if hidden && self.touched_bodies_speak_of_ddl() {
            self.opaque(format!("trigger function {} may change the schema", self.catalog.function_name(id)));
        }
        self.analysis.class = class;
    }

    /// Whether some body that a trigger led to has a word of DDL in it, be it in a constant that it executes.
    fn touched_bodies_speak_of_ddl(&self) -> bool {
        let touched = self.bodies.touched.borrow();
        let bodies = touched.iter().filter_map(|id| self.catalog.function(*id)?.body.as_deref());
        bodies.into_iter().any(|body| {
            let words = body.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            words.into_iter().any(|word| {
                ["create", "alter", "drop"].iter().any(|command| word.eq_ignore_ascii_case(command))
            })
        })
    }

    /// Whether a function's body does what its statements would do here: as the same role, and also with NULLs.
    fn runs_as_here(&self, id: Id) -> bool {
        let Some(function) = self.catalog.function(id) else { return false };
        let of = Subject::Object(id);
        let detail = |detail| self.catalog.detail(&of, detail);
        let settings = match detail(Detail::Settings) {
            DetailValue::Absent => true,
            DetailValue::Text(text) => text.lines().all(|line| {
                let name = line.split('=').next().unwrap_or_default().to_lowercase();
                !matches!(name.as_str(), "role" | "session_authorization") && !name.starts_with("default_")
            }),
            DetailValue::Unknown => false,
        };
        let strict = *detail(Detail::Strict) != DetailValue::Absent && function.inputs().next().is_some();
        let definer = *detail(Detail::SecurityDefiner) != DetailValue::Absent;
        settings && !strict && (!definer || self.catalog.owner_of(id) == self.acting_role())
    }

    /// The session in which a function's body runs, where the function sets another path.
    fn session_of(&self, id: Id) -> Option<Session> {
        let settings = self.catalog.detail_text(&Subject::Object(id), Detail::Settings)?;
        let path = settings.lines().find_map(|line| line.strip_prefix("search_path="))?;
        let mut session = self.session.clone();
        session.apply(&SessionChange::Set {
            name: "search_path".to_owned(),
            values: Some(SearchPath::parse(path).0),
            local: true,
            sql: String::new(),
        });
        Some(session)
    }

    /// Records what a function's body reads and writes; the reason where that cannot be known.
    pub(crate) fn body_footprint(&mut self, id: Id) -> Result<(), String> {
        self.body_effects(id, false)
    }

    fn body_effects(&mut self, id: Id, applies: bool) -> Result<(), String> {
        if self.bodies.open.borrow().contains(&id)
            || self.bodies.for_footprint.get() && !self.bodies.touched.borrow_mut().insert(id)
        {
            return Ok(());
        }
        let Some(function) = self.catalog.function(id) else { return Ok(()) };
        if matches!(function.kind, FunctionKind::Aggregate | FunctionKind::Window) {
            return Ok(());
        }
        let name = self.catalog.function_name(id);
        let unread = || Err(format!("what function {name} does is not known"));
        if self.bodies.read.replace(self.bodies.read.get() + 1) >= MOST_BODIES {
            return unread();
        }
        let session = self.session_of(id);
        match (function.language.as_str(), &function.body) {
            ("sql", Some(body)) => {
                self.with_body(id, function, |ctx| ctx.sql_body_effects(body, applies, session))
            }
            ("plpgsql", Some(body)) => match plpgsql(body) {
                Ok(block) => self.with_body(id, function, |ctx| {
                    let mut runner = Runner::new(ctx, body, None);
                    runner.late = true;
                    runner.applies = applies;
                    runner.within(session);
                    runner.block(&block);
                    Ok(())
                }),
                Err(_) => unread(),
            },
            // BEGIN ATOMIC: what it needs is known, what it writes is guessed from above.
            ("sql", None) if !function.depends.is_empty() => {
                self.atomic_footprint(function);
                Ok(())
            }
            ("c" | "internal", _) if function.extension.as_deref().is_some_and(is_harmless) => Ok(()),
            _ => unread(),
        }
    }

    fn with_body(
        &mut self,
        id: Id,
        function: &Function,
        read: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let variables = std::mem::replace(&mut self.variables, parameter_names(function));
        self.bodies.open.borrow_mut().push(id);
        let result = read(self);
        self.bodies.open.borrow_mut().pop();
        self.variables = variables;
        result
    }

    fn sql_body_effects(
        &mut self,
        body: &str,
        applies: bool,
        session: Option<Session>,
    ) -> Result<(), String> {
        let script = read_script(body);
        let mut runner = Runner::new(self, "", None);
        runner.late = true;
        runner.applies = applies;
        runner.within(session);
        for statement in &script.statements {
            let Some(node) = statement.tree.node() else {
                return Err("a statement of a called function cannot be read".into());
            };
            runner.late_statement(node);
        }
        Ok(())
    }

    fn atomic_footprint(&mut self, function: &Function) {
        let acts = may_act(function);
        for dependency in &function.depends {
            let Some(relation) = self.catalog.relation(dependency.on) else { continue };
            if matches!(relation.kind, RelationKind::Index(_) | RelationKind::Composite) {
                continue;
            }
            let name = self.catalog.relation_name(dependency.on);
            self.touch(Place::Relation(name.clone()), Access::Read);
            self.touch(Place::Rows(name), if acts { Access::Write } else { Access::Read });
        }
        if acts {
            self.raise(Class::Writes);
            self.data().repeatable = false;
        }
    }

    /// Analyses a CALL.
    pub fn call(&mut self, statement: &protobuf::CallStmt) {
        self.analysis.kind = "CALL";
        let Some(call) = &statement.funccall else { return };
        let name = Name::from_parts(&super::context::strings(&call.funcname));
        let found = self.catalog.find_function(&name, None, self.path()).yes();
        let mut resolver = Resolver::new(self, true);
        resolver.is_call = true;
        resolver.call(call);
        if found.is_none() {
            self.opaque(format!("what procedure {name} does is not known"));
        }
        if self.analysis.opaque.is_some() {
            // A procedure may commit; then it must not stand inside a transaction block.
            let commits = self.analysis.transactional == Transactional::No;
            self.analysis.class = Class::Opaque;
            self.analysis.transactional = if commits { Transactional::No } else { Transactional::Yes };
        }
    }

    /// Analyses what CREATE FUNCTION checks in a body that is text, unless `check_function_bodies` is off: the server
    /// looks up what a body in SQL names, unless a parameter is polymorphic. PL/pgSQL is bound late, but for the types
    /// that its variables are declared with.
    pub fn function_body(&mut self, name: &QName, function: &Function, options: &[protobuf::Node]) {
        let off = |session: &Session| {
            session.setting("check_function_bodies").is_some_and(|value| {
                matches!(value.to_lowercase().as_str(), "off" | "false" | "no" | "0" | "f" | "n")
            })
        };
        let Some(body) = function.body.as_deref().filter(|_| !off(self.session)) else { return };
        let session = session_with(self.session, options);
        if off(&session) {
            return;
        }
        if function.language == "plpgsql" {
            if let Ok(block) = plpgsql(body) {
                self.declared_types(body, &block, &parameter_names(function), &session);
            }
            return;
        }
        let polymorphic = function.inputs().any(|parameter| parameter.ty.name.starts_with("any"));
        if function.language != "sql" || polymorphic {
            return;
        }
        let read;
        let body = match self.body.filter(|known| known.text == body) {
            Some(known) => known,
            None => {
                read = Body::read(body.to_owned());
                &read
            }
        };
        for node in &body.nodes {
            self.checked_statement(function, node, &Check { session: &session, own: Some(name) });
        }
    }

    /// Analyses a body in the form RETURN or BEGIN ATOMIC: it is bound, and the function depends on what it names.
    pub fn bound_body(&mut self, function: &Function, body: &protobuf::Node) {
        match body.node.as_ref() {
            Some(NodeEnum::List(list)) => {
                for item in &list.items {
                    self.bound_body(function, item);
                }
            }
            Some(NodeEnum::ReturnStmt(statement)) => {
                if let Some(value) = &statement.returnval {
                    let select = protobuf::SelectStmt {
                        target_list: vec![protobuf::Node {
                            node: Some(NodeEnum::ResTarget(Box::new(protobuf::ResTarget {
                                val: Some(value.clone()),
                                location: -1,
                                ..Default::default()
                            }))),
                        }],
                        ..Default::default()
                    };
                    let select = NodeEnum::SelectStmt(Box::new(select));
                    self.checked_statement(function, &select, &Check { session: self.session, own: None });
                }
            }
            // It is bound before the function's own settings are in force.
            Some(node) => self.checked_statement(function, node, &Check { session: self.session, own: None }),
            None => {}
        }
    }

    /// The statement without its text, for the analysis of a text whose places are not those of the file.
    pub(super) fn without_places(&self) -> Statement {
        Statement {
            span: self.statement.span,
            sql: "".into(),
            offset: 0,
            tree: Tree::Opaque(String::new()),
            lenient: None,
            lenient_at: Vec::new(),
            digest: TokenDigest([0; 32]),
            comments: Vec::new(),
            copy_data: None,
        }
    }

    /// Takes over what the server checks in a statement of a body: names, not rows.
    fn checked_statement(&mut self, function: &Function, node: &NodeEnum, check: &Check<'_>) {
        // The places of a body in text count from its own start.
        let (sql, offset) = match check.own {
            None => (self.statement.sql.clone(), self.statement.offset),
            Some(_) => ("".into(), 0),
        };
        let statement = Statement { sql, offset, ..self.without_places() };
        let Some((analysis, depends)) = self.checked(function, node, check, &statement, self.catalog) else {
            return;
        };
        let calls_own_name = |own: &QName| {
            let own = Facet::Exists(ObjectRef::Function { name: own.clone(), arguments: None });
            let requires =
                |needed: &Requirement| needed.verdict == Verdict::Invalid && needed.any_of.contains(&own);
            analysis.requires.iter().any(requires)
        };
        let (analysis, depends) = match check.own {
            // A body in text is checked when the function is there, and may call it.
            Some(name) if calls_own_name(name) => {
                let (name, function) = (name.clone(), Box::new(function.clone()));
                let mut catalog = self.catalog.clone();
                let made = Effect::CreateFunction { name, function: function.clone(), details: Vec::new() };
                catalog.apply(&[made], Origin::Live);
                match self.checked(&function, node, check, &statement, &catalog) {
                    Some(again) => again,
                    None => return,
                }
            }
            _ => (analysis, depends),
        };
        for requirement in analysis.requires {
            // NULLs and unique keys are looked at when the function runs.
            let late = requirement.any_of.iter().any(|facet| {
                matches!(facet, Facet::Nullable { .. } | Facet::Exists(ObjectRef::UniqueKey { .. }))
            });
            if !late {
                self.analysis.requires.push(requirement);
            }
        }
        for (place, access) in analysis.footprint.touches() {
            let definition = matches!(
                place,
                Place::Schema(_)
                    | Place::Relation(_)
                    | Place::Column(..)
                    | Place::Columns(_)
                    | Place::Object(_)
            );
            if definition && *access == Access::Read {
                self.analysis.footprint.touch(place.clone(), *access);
            }
        }
        self.analysis.constants.extend(analysis.constants);
        if check.own.is_none() {
            self.depends.extend(depends);
        }
    }

    /// Analyses one statement of a body as the server does when the function is made; none where it does not look.
    fn checked(
        &self,
        function: &Function,
        node: &NodeEnum,
        check: &Check<'_>,
        statement: &Statement,
        catalog: &Catalog,
    ) -> Option<(Analysis, Vec<Dependency>)> {
        let mut nested = Context::new(statement, catalog, check.session);
        nested.nested = true;
        nested.tentative = self.tentative;
        nested.variables = parameter_names(function);
        nested.parameters = &function.parameters;
        nested.bodies = Rc::default();
        match node {
            NodeEnum::SelectStmt(select) if select.into_clause.is_none() => {
                nested.view_query(select);
            }
            NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_) => nested.nested_statement(node),
            // Of others the server looks at the query in them.
            NodeEnum::CreateTableAsStmt(table) => {
                match table.query.as_ref().and_then(|node| node.node.as_ref()) {
                    Some(NodeEnum::SelectStmt(select)) => drop(nested.view_query(select)),
                    _ => return None,
                }
            }
            NodeEnum::DeclareCursorStmt(cursor) => {
                match cursor.query.as_ref().and_then(|node| node.node.as_ref()) {
                    Some(NodeEnum::SelectStmt(select)) => drop(nested.view_query(select)),
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some((nested.analysis, nested.depends))
    }
}

/// How a body is checked.
struct Check<'c> {
    /// The session in which its names are looked up.
    session: &'c Session,
    /// The function's own name, where it is there already: not where the body is bound.
    own: Option<&'c QName>,
}

/// The session in which a body that is text is checked: the function's own settings are in force then.
fn session_with<'s>(session: &'s Session, options: &[protobuf::Node]) -> Cow<'s, Session> {
    let mut session = Cow::Borrowed(session);
    for node in options {
        let Some(NodeEnum::DefElem(option)) = &node.node else { continue };
        let Some(NodeEnum::VariableSetStmt(set)) =
            option.arg.as_ref().and_then(|argument| argument.node.as_ref())
        else {
            continue;
        };
        // DEFAULT and FROM CURRENT leave what is in force.
        if set.kind() == protobuf::VariableSetKind::VarSetValue {
            session.to_mut().apply(&SessionChange::Set {
                name: set.name.to_lowercase(),
                values: Some(set.args.iter().filter_map(setting_text).collect()),
                local: true,
                sql: String::new(),
            });
        }
    }
    session
}

fn parameter_names(function: &Function) -> Vec<String> {
    let mut names: Vec<String> =
        function.parameters.iter().filter_map(|parameter| parameter.name.clone()).collect();
    names.push(function.name.clone());
    let trigger = function.result.as_ref().is_some_and(|result| result.name.ends_with("trigger"));
    if trigger {
        names.extend(["new", "old"].map(str::to_owned));
    }
    names.extend(
        ["found", "tg_op", "tg_name", "tg_when", "tg_level", "tg_table_name", "tg_table_schema", "tg_relid"]
            .map(str::to_owned),
    );
    names
}

/// Whether the C functions of an extension do nothing to the schema or to other tables' rows.
fn is_harmless(extension: &str) -> bool {
    !matches!(
        extension,
        "dblink" | "pg_cron" | "timescaledb" | "citus" | "pg_partman" | "pg_background" | "pgmq"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::analyze;
    use crate::catalog::{Catalog, Origin};

    #[test]
    fn triggers_that_fire_each_other_are_read_once_each() {
        let tables = 12;
        let mut sql = String::new();
        for at in 0..tables {
            let updates: String =
                (0..tables).map(|other| format!("update t{other} set n = new.n; ")).collect();
            sql += &format!(
                "create table t{at} (n int);
                 create function f{at}() returns trigger language plpgsql as 'begin {updates} return new; end';
                 create trigger g{at} after update on t{at} for each row execute function f{at}();"
            );
        }
        sql += "update t0 set n = 1;";
        let (session, mut catalog) = (Session::new(SearchPath::default()), Catalog::empty());
        let script = read_script(&sql);
        let (last, first) = script.statements.split_last().unwrap();
        for statement in first {
            let analysis = analyze(statement, &catalog, &session);
            catalog.apply(&analysis.effects, Origin::Live);
        }
        let context = Context::new(last, &catalog, &session);
        let bodies = Rc::clone(&context.bodies);
        let analysis = context.run();
        assert_eq!(bodies.read.get(), tables);
        for at in 0..tables {
            let name = crate::catalog::QName::new("public", format!("t{at}"));
            let written = analysis.footprint.touches().any(|(place, access)| {
                let own = matches!(place, Place::Values(table, _) if *table == name);
                own && *access == Access::Write
            });
            assert!(written, "t{at}: {:?}", analysis.footprint);
        }
    }
}
