//! What the analysis of one statement collects, and the look-ups that every family shares.

use super::function_body::Bodies;
use super::unpacked::Body;
use super::{
    Access, Analysis, Class, DataChange, Facet, Footprint, Lock, LockMode, Place, Presence, Requirement,
    Session, Transactional, Verdict,
};
use crate::catalog::{Catalog, Dependency, Effect, Found, Id, Name, ObjectRef, Parameter, QName, SearchPath};
use crate::diagnostic::{Code, near_names};
use crate::source::Span;
use crate::syntax::{Lexer, Statement, Token, TokenKind, protobuf};
use std::rc::Rc;

/// The analysis of one statement while it is made.
pub struct Context<'a> {
    /// The catalog that names are looked up in.
    pub catalog: &'a Catalog,
    /// The session in force.
    pub session: &'a Session,
    /// The statement.
    pub statement: &'a Statement,
    /// What was found so far.
    pub analysis: Analysis,
    /// What the query or expression under analysis needs, for a view or a default; taken by the caller.
    pub depends: Vec<Dependency>,
    /// While true, what is missing is *unknown*: text that is bound late (function bodies, branches of IF).
    pub tentative: bool,
    /// While true, what is missing is *unknown*: what is looked up only if the statement comes to it.
    pub(super) unsure: bool,
    /// Names that hide columns: parameters and variables of the function body under analysis.
    pub variables: Vec<String>,
    /// The parameters of the function in SQL whose body is checked: `$1` and their names have their types.
    pub(super) parameters: &'a [Parameter],
    /// The functions whose bodies are read, for the statement with all that stands in it.
    pub(super) bodies: Rc<Bodies>,
    /// The body of the function that the statement makes, where it was read before.
    pub(super) body: Option<&'a Body>,
    /// Whether the text is bound late, but surely runs: as the body of a function that is surely called.
    pub(super) runs: bool,
    /// Where the call stands in the tree that is surely made, and made once.
    pub(super) sure_call: Option<i32>,
    /// Whether the statement stands inside another one (a body, an EXPLAIN): it is not sent as it is written.
    pub(super) nested: bool,
    /// Whether the statement runs in a block, in the session of what follows there: `set_config()` counts.
    pub(super) sets: bool,
    /// Whether it may have changed the search path, nobody knows to what.
    pub(super) path_unknown: bool,
    /// The table that the statement makes: its row type is there already where its partition key is read.
    pub(super) under_creation: Option<QName>,
    /// Tables that are not in the catalog but are meant by this statement itself (a table under creation).
    pub(super) slots: u32,
}

impl<'a> Context<'a> {
    /// Starts the analysis of a statement.
    pub fn new(statement: &'a Statement, catalog: &'a Catalog, session: &'a Session) -> Self {
        let analysis = Analysis {
            kind: "",
            class: Class::Reads,
            requires: Vec::new(),
            effects: Vec::new(),
            provides: Vec::new(),
            footprint: Footprint::default(),
            locks: Vec::new(),
            costs: Vec::new(),
            remarks: Vec::new(),
            rights: Vec::new(),
            transactional: Transactional::Yes,
            opaque: None,
            presence: Presence::Absent,
            rewrite: None,
            session: Vec::new(),
            transaction: None,
            data: None,
            declaration: None,
            new_labels: Vec::new(),
            constants: Vec::new(),
            or_replace: false,
            only_checks: false,
        };
        Context {
            catalog,
            session,
            statement,
            analysis,
            depends: Vec::new(),
            tentative: false,
            unsure: false,
            variables: Vec::new(),
            parameters: &[],
            bodies: Rc::default(),
            body: None,
            runs: false,
            sure_call: None,
            nested: false,
            sets: false,
            path_unknown: false,
            under_creation: None,
            slots: 0,
        }
    }

    /// The search path in force.
    pub fn path(&self) -> &'a SearchPath {
        self.session.look_up_path()
    }

    /// The place of a tree location in the file; the whole statement where there is none.
    pub fn span(&self, location: i32) -> Span {
        self.statement.locate(location).unwrap_or(self.statement.span)
    }

    /// The place of a name, looked for from a location of the tree on where the tree has none for it.
    pub(super) fn word_span(&self, word: &str, location: i32) -> Span {
        let sql = &self.statement.sql;
        let from = self.statement.place(location).unwrap_or(0);
        let is_meant = |token: &Token| {
            let text = token.text(sql);
            match token.kind {
                TokenKind::Word => text.eq_ignore_ascii_case(word),
                TokenKind::QuotedIdent => text.trim_matches('"').replace("\"\"", "\"") == word,
                _ => false,
            }
        };
        match Lexer::new(sql, from, sql.len()).find(is_meant) {
            Some(token) => token.span.shifted(self.statement.span.start),
            None => self.span(location),
        }
    }

    /// Says that the statement cannot be understood: it becomes a barrier.
    pub fn opaque(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        self.analysis.class = Class::Opaque;
        self.analysis.effects.push(Effect::Opaque(reason.clone()));
        self.analysis.footprint.touch(Place::Everything, Access::Write);
        self.analysis.opaque.get_or_insert(reason);
    }

    /// Gives a placeholder for a relation that this statement makes.
    pub fn slot(&mut self) -> crate::catalog::Slot {
        self.slots += 1;
        crate::catalog::Slot(self.slots)
    }

    /// Records a touch.
    pub fn touch(&mut self, place: Place, access: Access) {
        self.analysis.footprint.touch(place, access);
    }

    /// Records a lock on a relation that exists.
    pub fn lock(&mut self, relation: Id, mode: LockMode) {
        let object = self.catalog.relation_name(relation).to_string();
        match self.analysis.locks.iter_mut().find(|lock| lock.object == object) {
            Some(lock) => lock.mode = lock.mode.max(mode),
            None => self.analysis.locks.push(Lock { object, mode, relation: Some(relation) }),
        }
    }

    /// Records a requirement. An invalid one becomes unknown while the text is tentative.
    pub fn require(
        &mut self,
        any_of: Vec<Facet>,
        span: Span,
        verdict: Verdict,
        code: Code,
        message: String,
        near: Vec<String>,
    ) {
        let verdict = match verdict {
            Verdict::Invalid if self.tentative || self.unsure || self.catalog.clouded.is_some() => {
                Verdict::Unknown
            }
            verdict => verdict,
        };
        self.analysis.requires.push(Requirement { any_of, span, verdict, code, message, near });
    }

    /// Says that the statement makes an object.
    pub fn provide(&mut self, object: ObjectRef) {
        self.analysis.provides.push(Facet::Exists(object));
    }

    /// Finds a relation that must exist; records the requirement, and the touch that it is read.
    pub fn need_relation(&mut self, name: &Name, span: Span, noun: &str) -> Option<Id> {
        let found = self.catalog.find_relation(name, self.path());
        let (verdict, id) = match found {
            Found::Yes(id) => (Verdict::Valid, Some(id)),
            // A table's own expressions are read when it is there.
            Found::No if self.makes(name) => return None,
            Found::No => (Verdict::Invalid, None),
            // What every server of this version has is no requirement.
            Found::Unknown if self.knows_server() && self.is_system_table(name) => return None,
            Found::Unknown => (Verdict::Unknown, None),
        };
        let candidates = match id {
            Some(id) => vec![self.catalog.relation_name(id)],
            None => self.catalog.candidates(name, self.path()),
        };
        for candidate in &candidates {
            self.touch(Place::Relation(candidate.clone()), Access::Read);
        }
        let missing_schema = name.schema.as_deref().filter(|schema| self.catalog.find_schema(schema).is_no());
        if let (Some(schema), Verdict::Invalid) = (missing_schema, verdict) {
            let schema = schema.to_owned();
            self.need_schema(&schema, span);
        }
        let near = if verdict == Verdict::Invalid { self.near_relations(&name.name) } else { Vec::new() };
        let any_of = candidates.iter().map(|name| Facet::Exists(ObjectRef::relation(name))).collect();
        let message = format!("{noun} `{name}` does not exist");
        let code = if matches!(noun, "index" | "sequence") { Code::DN208 } else { Code::DN202 };
        self.require(any_of, span, verdict, code, message, near);
        id
    }

    /// Whether the statement itself makes the table that a name means.
    fn makes(&self, name: &Name) -> bool {
        let own = self.under_creation.as_ref();
        own.is_some_and(|table| self.catalog.candidates(name, self.path()).contains(table))
    }

    /// Finds a schema that must exist.
    pub fn need_schema(&mut self, name: &str, span: Span) -> Option<Id> {
        // Every database has them, and no catalog lists them.
        if matches!(name, "pg_catalog" | "information_schema") {
            return None;
        }
        let found = self.catalog.find_schema(name);
        let verdict = match found {
            Found::Yes(_) => Verdict::Valid,
            Found::No => Verdict::Invalid,
            Found::Unknown => Verdict::Unknown,
        };
        self.touch(Place::Schema(name.to_owned()), Access::Read);
        let near = match verdict {
            Verdict::Invalid => {
                let all: Vec<&str> = self.catalog.schemas().map(|(_, schema)| schema.name.as_str()).collect();
                near_names(name, all).into_iter().map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let any_of = vec![Facet::Exists(ObjectRef::Schema { name: name.to_owned() })];
        self.require(any_of, span, verdict, Code::DN201, format!("schema `{name}` does not exist"), near);
        found.yes()
    }

    /// Finds a column of a relation that must exist.
    pub fn need_column(
        &mut self,
        relation: Id,
        column: &str,
        span: Span,
    ) -> Option<crate::catalog::ColumnNumber> {
        let name = self.catalog.relation_name(relation);
        self.touch(Place::Column(name.clone(), column.to_owned()), Access::Read);
        let found = self.catalog.relation(relation)?;
        if let Some(column) = found.column(column) {
            let dependency = Dependency { on: relation, column: Some(column.number) };
            self.depends.push(dependency);
            let any_of = vec![Facet::Exists(ObjectRef::column(&name, &column.name))];
            self.require(any_of, span, Verdict::Valid, Code::DN203, String::new(), Vec::new());
            return Some(column.number);
        }
        if is_system_column(column) {
            return None;
        }
        let verdict = if found.columns_known { Verdict::Invalid } else { Verdict::Unknown };
        self.miss_column(&name, column, span, verdict);
        None
    }

    /// Says that PostgreSQL refuses the statement, whatever later operations make.
    pub fn refuse(&mut self, code: Code, span: Span, message: String) {
        self.require(Vec::new(), span, Verdict::Invalid, code, message, Vec::new());
    }

    /// Records that a column of a relation is missing (or not known).
    pub fn miss_column(&mut self, relation: &QName, column: &str, span: Span, verdict: Verdict) {
        let near = match self.catalog.relation_at(relation) {
            Some((_, found)) if verdict == Verdict::Invalid => {
                let all: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
                near_names(column, all).into_iter().map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let noun = self.catalog.relation_at(relation).map_or("table", |(_, found)| found.kind.noun());
        let message = format!("{noun} `{relation}` has no column `{column}`");
        let any_of = vec![Facet::Exists(ObjectRef::column(relation, column))];
        self.require(any_of, span, verdict, Code::DN203, message, near);
    }

    /// Records a requirement on an object that is neither relation nor column.
    pub fn need_object(&mut self, object: ObjectRef, verdict: Verdict, span: Span, code: Code, noun: &str) {
        self.touch(Place::Object(object.clone()), Access::Read);
        let message = format!("{noun} `{object}` does not exist");
        self.require(vec![Facet::Exists(object)], span, verdict, code, message, Vec::new());
    }

    /// Near names among all relations that can be seen.
    fn near_relations(&self, name: &str) -> Vec<String> {
        let all: Vec<&str> = self
            .catalog
            .relations()
            .filter(|(_, relation)| relation.is_queryable())
            .map(|(_, relation)| relation.name.as_str())
            .collect();
        near_names(name, all).into_iter().map(str::to_owned).collect()
    }

    /// Marks the statement as a data change and gives its particulars.
    pub fn data(&mut self) -> &mut DataChange {
        self.analysis.data.get_or_insert_with(DataChange::default)
    }
}

/// The columns that every table has.
pub fn is_system_column(name: &str) -> bool {
    matches!(name, "tableoid" | "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "oid")
}

/// The name that a `RangeVar` writes.
pub fn range_name(range: &protobuf::RangeVar) -> Name {
    let schema = (!range.schemaname.is_empty()).then(|| range.schemaname.clone());
    Name { schema, name: range.relname.clone() }
}

/// The strings of a list of `String` nodes, as names are in the tree.
pub fn strings(nodes: &[protobuf::Node]) -> Vec<String> {
    nodes.iter().filter_map(string).collect()
}

/// The string of a `String` node.
pub fn string(node: &protobuf::Node) -> Option<String> {
    match node.node.as_ref()? {
        crate::syntax::NodeEnum::String(text) => Some(text.sval.clone()),
        _ => None,
    }
}

/// Whether an option is given without a value or with one that means yes.
pub(super) fn option_is_on(options: &[protobuf::Node], name: &str) -> bool {
    options.iter().any(|node| match &node.node {
        Some(crate::syntax::NodeEnum::DefElem(option)) if option.defname == name => {
            match option.arg.as_deref() {
                None => true,
                Some(value) => match &value.node {
                    Some(crate::syntax::NodeEnum::Integer(value)) => value.ival != 0,
                    Some(crate::syntax::NodeEnum::Boolean(value)) => value.boolval,
                    _ => string(value).is_some_and(|text| matches!(text.as_str(), "true" | "on" | "1")),
                },
            }
        }
        _ => false,
    })
}
