//! Scopes: which names a place in a query can see, and what a name there means.

use super::context::is_system_column;
use super::query::{OutputColumn, Resolver, Source, SourceColumn};
use super::typing::{Ty, Typed};
use super::{Access, Facet, Place, Verdict};
use crate::catalog::{Dependency, Id, ObjectRef, Parameter, QName};
use crate::diagnostic::{Code, near_names};
use crate::source::Span;

/// What columns a source has beyond those that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Rest {
    /// None: the list is complete.
    #[default]
    Nothing,
    /// Maybe others: what is not listed is unknown.
    Unknown,
    /// Others that no migration makes (PostgreSQL's own relations and functions): what is not listed is fine.
    Anything,
}

/// One source of columns with what the resolver needs to know of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub(super) alias: String,
    pub(super) relation: Option<QName>,
    pub(super) id: Option<Id>,
    pub(super) columns: Vec<SourceColumn>,
    pub(super) rest: Rest,
    /// Tables whose further columns would be columns of this source, through `*`.
    pub(super) open: Vec<QName>,
    /// Only `alias.column` sees it (`excluded`, the hidden sides of an aliased join).
    pub(super) qualified_only: bool,
    /// Whether it is a function in FROM, which as a whole may be a plain value.
    pub(super) is_function: bool,
    /// Whether it is one of PostgreSQL's own relations.
    pub(super) is_system: bool,
    /// Whether it was renamed by an alias: `schema.table.column` does not see it then.
    pub(super) aliased: bool,
}

impl Entry {
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|own| own.name == column)
            || ((self.relation.is_some() || self.is_system) && is_system_column(column))
    }
}

impl From<&Source> for Entry {
    fn from(source: &Source) -> Entry {
        Entry {
            alias: source.alias.clone(),
            relation: source.relation.clone(),
            id: source.id,
            columns: source.columns.clone().unwrap_or_default(),
            rest: if source.columns.is_some() { Rest::Nothing } else { Rest::Unknown },
            open: source.relation.iter().cloned().collect(),
            ..Entry::default()
        }
    }
}

/// The sources of one level of a query.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) entries: Vec<Entry>,
}

/// What a name was found to be.
enum Sight {
    Columns(Vec<(usize, usize)>),
    Row(usize, usize),
    Fine,
    Unknown,
    Nowhere,
}

impl Resolver<'_, '_> {
    /// Resolves a column name without a qualifier.
    pub(super) fn unqualified(&mut self, name: &str, span: Span) -> Typed {
        match self.look(name) {
            Sight::Columns(found) => {
                let types: Vec<Typed> = found.iter().map(|at| self.use_column(*at, name, span)).collect();
                // Several are those of a join's USING.
                self.ctx.types().common_of(&types)
            }
            Sight::Row(scope, entry) => {
                self.use_whole((scope, entry));
                self.row_type((scope, entry))
            }
            Sight::Fine => Typed::unsure(),
            _ if self.ctx.variables.iter().any(|variable| variable == name) => self.parameter_named(name),
            Sight::Unknown => self.missing(name, span, Verdict::Unknown),
            Sight::Nowhere => self.missing(name, span, Verdict::Invalid),
        }
    }

    /// `$number` of a function in SQL.
    pub(super) fn parameter(&self, number: i32) -> Typed {
        let place = usize::try_from(number - 1).ok();
        let parameter = place.and_then(|place| self.inputs().nth(place));
        parameter.map_or_else(Typed::unsure, |parameter| Typed::from_ref(&parameter.ty))
    }

    fn parameter_named(&self, name: &str) -> Typed {
        let parameter = self.inputs().find(|parameter| parameter.name.as_deref() == Some(name));
        parameter.map_or_else(Typed::unsure, |parameter| Typed::from_ref(&parameter.ty))
    }

    fn inputs(&self) -> impl Iterator<Item = &Parameter> {
        self.ctx.parameters.iter().filter(|parameter| matches!(parameter.mode, 'i' | 'b' | 'v'))
    }

    fn look(&self, name: &str) -> Sight {
        let mut unknown = false;
        for (level, scope) in self.scopes.iter().enumerate().rev() {
            let visible = || scope.entries.iter().enumerate().filter(|(_, entry)| !entry.qualified_only);
            let found: Vec<(usize, usize)> =
                visible().filter(|(_, entry)| entry.has(name)).map(|(at, _)| (level, at)).collect();
            if !found.is_empty() {
                // An inner source that is not known may have a column of that name, too.
                return if unknown { Sight::Unknown } else { Sight::Columns(found) };
            }
            if visible().any(|(_, entry)| entry.rest == Rest::Anything) {
                return Sight::Fine;
            }
            unknown |= visible().any(|(_, entry)| entry.rest == Rest::Unknown);
        }
        match self.find_alias(name) {
            Some((scope, entry)) => Sight::Row(scope, entry),
            None if unknown => Sight::Unknown,
            None => Sight::Nowhere,
        }
    }

    /// Whether a name without a qualifier is a column of the innermost level.
    pub(super) fn is_own_column(&self, name: &str) -> bool {
        self.scopes
            .last()
            .is_some_and(|scope| scope.entries.iter().any(|entry| !entry.qualified_only && entry.has(name)))
    }

    /// Finds a source by its alias, innermost first.
    pub(super) fn find_alias(&self, alias: &str) -> Option<(usize, usize)> {
        self.scopes.iter().enumerate().rev().find_map(|(level, scope)| {
            let at = scope.entries.iter().position(|entry| entry.alias == alias)?;
            Some((level, at))
        })
    }

    /// Resolves `qualifier.column`.
    pub(super) fn qualified(&mut self, qualifier: &str, column: &str, span: Span) -> Typed {
        match self.find_alias(qualifier) {
            Some(at) => self.column_of(at, column, span),
            None => {
                self.no_source(qualifier, span);
                Typed::unsure()
            }
        }
    }

    /// Resolves `schema.table.column`.
    pub(super) fn fully_qualified(&mut self, table: &QName, column: &str, span: Span) -> Typed {
        let found = self.scopes.iter().enumerate().rev().find_map(|(level, scope)| {
            let at = scope
                .entries
                .iter()
                .position(|entry| !entry.aliased && entry.relation.as_ref() == Some(table))?;
            Some((level, at))
        });
        match found {
            Some(at) => self.column_of(at, column, span),
            None => Typed::unsure(),
        }
    }

    fn column_of(&mut self, at: (usize, usize), column: &str, span: Span) -> Typed {
        let entry = self.entry(at);
        if entry.has(column) {
            return self.use_column(at, column, span);
        }
        if let Some(field) = self.function_field(at, column, span) {
            return field;
        }
        let entry = self.entry(at);
        let verdict = match entry.rest {
            Rest::Anything => return Typed::unsure(),
            Rest::Unknown => Verdict::Unknown,
            Rest::Nothing => Verdict::Invalid,
        };
        let open = entry.open.clone();
        let alias = entry.alias.clone();
        let near = near_columns(column, std::iter::once(entry));
        self.require_column(&open, column, span, verdict, Some(&alias), near);
        Typed::unsure()
    }

    fn entry(&self, at: (usize, usize)) -> &Entry {
        &self.scopes[at.0].entries[at.1]
    }

    /// Records that a column of a source is used; gives its type.
    fn use_column(&mut self, at: (usize, usize), name: &str, span: Span) -> Typed {
        let entry = self.entry(at);
        let (id, relation) = (entry.id, entry.relation.clone());
        let Some(column) = entry.columns.iter().find(|column| column.name == name).cloned() else {
            if let Some(table) = relation {
                self.read_rows(&table);
            }
            return system_column(name);
        };
        if let (0, Some(number)) = (at.0, column.number) {
            self.used.insert(number);
        }
        if let (Some(id), Some(table), Some(number)) = (id, relation, column.number) {
            if self.seen.insert((id, number)) {
                // An alias may have renamed it: `t AS x (a, b)`.
                let own = self.ctx.catalog.relation(id).and_then(|found| found.column_numbered(number));
                let name = own.map_or(column.name, |own| own.name.clone());
                self.ctx.depends.push(Dependency { on: id, column: Some(number) });
                self.ctx.touch(Place::Column(table.clone(), name.clone()), Access::Read);
                self.read_values(&table, &name);
                let any_of = vec![Facet::Exists(ObjectRef::column(&table, &name))];
                self.ctx.require(any_of, span, Verdict::Valid, Code::DN203, String::new(), Vec::new());
            }
            self.read_tables.insert(table);
        }
        column.ty
    }

    /// Records that a source is used as a whole (`t`, `t.*`): every column of it.
    pub(super) fn use_row(&mut self, at: (usize, usize)) {
        let entry = self.entry(at).clone();
        if at.0 == 0 {
            self.used.extend(entry.columns.iter().filter_map(|column| column.number));
        }
        let (Some(id), Some(table)) = (entry.id, entry.relation) else { return };
        for number in entry.columns.iter().filter_map(|column| column.number) {
            self.ctx.depends.push(Dependency { on: id, column: Some(number) });
        }
        self.ctx.touch(Place::Columns(table.clone()), Access::Read);
        self.read_rows(&table);
    }

    /// Records that a source's row is used as one value: whichever columns it has.
    pub(super) fn use_whole(&mut self, at: (usize, usize)) {
        let entry = self.entry(at).clone();
        let (Some(id), Some(table)) = (entry.id, entry.relation) else { return };
        self.ctx.depends.push(Dependency { on: id, column: None });
        self.ctx.touch(Place::Columns(table.clone()), Access::Read);
        self.read_rows(&table);
    }

    /// The type of a source as a whole.
    pub(super) fn row_type(&self, at: (usize, usize)) -> Typed {
        let entry = self.entry(at);
        match entry.id {
            Some(id) => Typed::of(Ty::Own(id)),
            None if entry.is_function || entry.is_system || entry.rest != Rest::Nothing => Typed::unsure(),
            None => Typed {
                fields: Some(entry.columns.iter().map(OutputColumn::from).collect()),
                ..Typed::named("record")
            },
        }
    }

    /// What `*` or `alias.*` gives.
    pub(super) fn star_of(&mut self, at: (usize, usize)) -> Option<Vec<OutputColumn>> {
        self.use_row(at);
        let entry = self.entry(at);
        (entry.rest == Rest::Nothing).then(|| entry.columns.iter().map(OutputColumn::from).collect())
    }

    pub(super) fn read_values(&mut self, table: &QName, column: &str) {
        if self.data {
            self.ctx.touch(Place::Values(table.clone(), column.to_owned()), Access::Read);
        }
    }

    pub(super) fn read_rows(&mut self, table: &QName) {
        if self.data {
            self.ctx.touch(Place::Rows(table.clone()), Access::Read);
        }
        self.read_tables.insert(table.clone());
    }

    /// Records an unqualified column that no source has.
    fn missing(&mut self, name: &str, span: Span, verdict: Verdict) -> Typed {
        let mut open: Vec<QName> = Vec::new();
        for entry in self.scopes.iter().rev().flat_map(|scope| &scope.entries) {
            if !entry.qualified_only {
                open.extend(
                    entry.open.iter().filter(|table| !open.contains(table)).cloned().collect::<Vec<_>>(),
                );
            }
        }
        let near = near_columns(name, self.scopes.iter().flat_map(|scope| &scope.entries));
        self.require_column(&open, name, span, verdict, None, near);
        Typed::unsure()
    }

    /// Records the requirement on a column that one of `open` has to get.
    fn require_column(
        &mut self,
        open: &[QName],
        column: &str,
        span: Span,
        verdict: Verdict,
        alias: Option<&str>,
        near: Vec<String>,
    ) {
        if verdict == Verdict::Unknown && open.is_empty() {
            // No migration could make it, and the server knows.
            return;
        }
        for table in open {
            self.ctx.touch(Place::Column(table.clone(), column.to_owned()), Access::Read);
        }
        let shown = crate::catalog::Ident(column);
        let message = match (open, alias) {
            ([], None) => format!("column `{shown}` does not exist"),
            ([], Some(alias)) => format!("`{alias}` has no column `{shown}`"),
            ([table], _) => {
                let noun =
                    self.ctx.catalog.relation_at(table).map_or("table", |(_, found)| found.kind.noun());
                format!("{noun} `{table}` has no column `{shown}`")
            }
            (tables, _) => {
                let list: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
                format!("column `{shown}` does not exist in {}", list.join(", "))
            }
        };
        let any_of = open.iter().map(|table| Facet::Exists(ObjectRef::column(table, column))).collect();
        self.ctx.require(any_of, span, verdict, Code::DN203, message, near);
    }

    /// Records that a qualifier names nothing in FROM, unless a variable may be meant.
    pub(super) fn no_source(&mut self, qualifier: &str, span: Span) {
        if self.ctx.variables.iter().any(|variable| variable == qualifier) {
            return;
        }
        let aliases: Vec<&str> =
            self.scopes.iter().flat_map(|scope| &scope.entries).map(|entry| entry.alias.as_str()).collect();
        let near = near_names(qualifier, aliases).into_iter().map(str::to_owned).collect();
        let message = format!("there is no `{}` in FROM", crate::catalog::Ident(qualifier));
        self.ctx.require(Vec::new(), span, Verdict::Invalid, Code::DN202, message, near);
    }
}

/// The types of the columns that every table has.
fn system_column(name: &str) -> Typed {
    match name {
        "tableoid" | "oid" => Typed::named("oid"),
        "ctid" => Typed::named("tid"),
        "xmin" | "xmax" => Typed::named("xid"),
        "cmin" | "cmax" => Typed::named("cid"),
        _ => Typed::unsure(),
    }
}

fn near_columns<'a>(name: &str, entries: impl Iterator<Item = &'a Entry>) -> Vec<String> {
    let all: Vec<&str> =
        entries.flat_map(|entry| &entry.columns).map(|column| column.name.as_str()).collect();
    near_names(name, all).into_iter().map(str::to_owned).collect()
}
