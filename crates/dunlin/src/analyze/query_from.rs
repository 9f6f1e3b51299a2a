//! The items of FROM: tables, subqueries, functions, joins.

use super::context::{range_name, strings};
use super::query::{OutputColumn, Resolver, Result, Source, SourceColumn, Stars, renamed, source_columns};
use super::query_call::Called;
use super::query_scope::{Entry, Rest, Scope};
use super::typing::{Collation, Ty, Typed};
use super::{Access, Facet, LockMode, Place, Verdict};
use crate::catalog::{Catalog, Found, Id, Name, ObjectRef, QName, RelationKind, builtin};
use crate::diagnostic::Code;
use crate::source::Span;
use crate::syntax::{NodeEnum, protobuf};
use std::collections::BTreeSet;
use std::ops::Range;

impl Resolver<'_, '_> {
    /// Adds the items of FROM to the innermost scope; gives what `*` expands to.
    pub(super) fn sources_of(&mut self, items: &[protobuf::Node]) -> Stars {
        Stars(items.iter().map(|item| self.source_item(item)).collect())
    }

    /// Adds one item of FROM to the innermost scope.
    pub(super) fn source_item(&mut self, item: &protobuf::Node) -> Result {
        match item.node.as_ref() {
            Some(NodeEnum::RangeVar(range)) => self.table(range),
            Some(NodeEnum::RangeSubselect(subselect)) => self.subselect(subselect),
            Some(NodeEnum::RangeFunction(function)) => self.range_function(function),
            Some(NodeEnum::RangeTableFunc(table)) => self.xml_table(table),
            Some(NodeEnum::JsonTable(table)) => self.json_table(table),
            Some(NodeEnum::RangeTableSample(sample)) => {
                let result = sample.relation.as_ref().map(|relation| self.source_item(relation));
                self.need_sample_method(&strings(&sample.method), sample.location);
                self.exprs(&sample.args);
                self.opt(&sample.repeatable);
                result.unwrap_or_else(Result::unknown)
            }
            Some(NodeEnum::JoinExpr(join)) => self.join(join),
            _ => self.add(Entry { rest: Rest::Unknown, ..Entry::default() }, None),
        }
    }

    /// A method of TABLESAMPLE is a function of its name.
    fn need_sample_method(&mut self, names: &[String], location: i32) {
        let name = Name::from_parts(names);
        let builtin = matches!(name.name.as_str(), "bernoulli" | "system");
        if !builtin && !self.ctx.types().has_own_function(&name) && self.ctx.is_complete() {
            let span = self.ctx.span(location);
            let message = format!("tablesample method `{name}` does not exist");
            self.ctx.require(Vec::new(), span, Verdict::Invalid, Code::DN208, message, Vec::new());
        }
    }

    /// Adds a source under its alias.
    fn add(&mut self, mut entry: Entry, alias: Option<&protobuf::Alias>) -> Result {
        if let Some(alias) = alias {
            entry.alias.clone_from(&alias.aliasname);
            entry.aliased = true;
            let names = strings(&alias.colnames);
            for (column, name) in entry.columns.iter_mut().zip(&names) {
                column.name.clone_from(name);
            }
            let listed = entry.columns.len();
            if entry.rest == Rest::Nothing {
                self.need_names(&entry.alias, listed, names.len());
            }
            if entry.rest != Rest::Nothing {
                let more = names.into_iter().skip(listed).map(|name| SourceColumn {
                    name,
                    ty: Typed::unsure(),
                    number: None,
                });
                entry.columns.extend(more);
            } else if !entry.columns.is_empty() && alias.colnames.len() >= listed && entry.id.is_none() {
                entry.open.clear();
            }
        }
        let columns =
            (entry.rest == Rest::Nothing).then(|| entry.columns.iter().map(OutputColumn::from).collect());
        let result = Result { columns, open: entry.open.clone(), rest: entry.rest };
        self.named_once(&entry);
        if let Some(scope) = self.scopes.last_mut() {
            scope.entries.push(entry);
        }
        result
    }

    /// Refuses a list of column names that is longer than there are columns.
    pub(super) fn need_names(&mut self, source: &str, columns: usize, names: usize) {
        if names > columns {
            let message = format!("`{source}` has {columns} columns, and {names} names are given");
            self.ctx.refuse(Code::DN216, self.ctx.statement.span, message);
        }
    }

    /// Refuses a second source of one name; two tables of different schemas may share theirs.
    fn named_once(&mut self, entry: &Entry) {
        let others = |there: &&Entry| {
            let by_schema = !there.aliased && !entry.aliased && there.relation != entry.relation;
            !there.qualified_only && there.alias == entry.alias && !by_schema
        };
        let (level, start) = self.apart;
        let hidden = if level == self.scopes.len() { start } else { 0 };
        let there = self.scopes.last().and_then(|scope| scope.entries.iter().skip(hidden).find(others));
        if !entry.alias.is_empty() && there.is_some() {
            let message = format!("`{}` is twice in FROM", entry.alias);
            self.ctx.refuse(Code::DN216, self.ctx.statement.span, message);
        }
    }

    fn add_result(&mut self, result: &Result, name: &str, alias: Option<&protobuf::Alias>) -> Result {
        let entry = Entry {
            alias: name.to_owned(),
            columns: source_columns(result),
            rest: result.rest,
            open: result.open.clone(),
            ..Entry::default()
        };
        self.add(entry, alias)
    }

    fn table(&mut self, range: &protobuf::RangeVar) -> Result {
        let name = range_name(range);
        if name.schema.is_none()
            && let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == name.name).cloned()
        {
            return self.add_result(&cte.result, &cte.name, range.alias.as_ref());
        }
        let span = self.ctx.span(range.location);
        let entry = self.relation_entry(&name, span);
        self.add(entry, range.alias.as_ref())
    }

    /// Looks a relation up that is read, and makes it a source.
    pub(super) fn relation_entry(&mut self, name: &Name, span: Span) -> Entry {
        if self.ctx.is_system_relation(name) {
            return self.system_entry(name);
        }
        let Some(id) = self.ctx.need_relation(name, span, "table") else {
            let open = self.ctx.catalog.candidates(name, self.ctx.path());
            return Entry { alias: name.name.clone(), rest: Rest::Unknown, open, ..Entry::default() };
        };
        self.ctx.depends.push(crate::catalog::Dependency { on: id, column: None });
        self.ctx.lock(id, LockMode::AccessShare);
        if self.data {
            self.ctx.read_through(id);
        }
        let full = self.ctx.catalog.relation_name(id);
        match self.ctx.catalog.relation(id) {
            Some(relation) if matches!(relation.kind, RelationKind::Sequence(_)) => {
                let column = |(name, ty): (&str, &str)| SourceColumn {
                    name: name.to_owned(),
                    ty: Typed::named(ty),
                    number: None,
                };
                let columns = [("last_value", "int8"), ("log_cnt", "int8"), ("is_called", "bool")];
                let columns = columns.into_iter().map(column).collect();
                Entry { alias: name.name.clone(), id: Some(id), columns, ..Entry::default() }
            }
            Some(relation) => Entry::from(&Source::of(full, Some(id), relation)),
            None => Entry { alias: name.name.clone(), rest: Rest::Unknown, ..Entry::default() },
        }
    }

    /// One of PostgreSQL's own relations, with the columns that it has in the server's version.
    fn system_entry(&self, name: &Name) -> Entry {
        let schemas: Vec<&str> = match &name.schema {
            Some(schema) => vec![schema],
            None if name.name.starts_with("pg_") => vec!["pg_catalog"],
            None => vec!["pg_catalog", "information_schema"],
        };
        let types = self.ctx.types();
        let find = |major| schemas.iter().find_map(|schema| builtin::relation(schema, &name.name, major));
        let entry = Entry { alias: name.name.clone(), is_system: true, ..Entry::default() };
        let Some(found) = find(types.major) else { return Entry { rest: Rest::Anything, ..entry } };
        let columns = found.columns.iter().map(|column| {
            let ty = Ty::Builtin(column.ty);
            let collation = Collation::of_column(ty, column.collation);
            let ty = Typed { collation, ..Typed::of(ty) };
            SourceColumn { name: column.name.to_owned(), ty, number: None }
        });
        // Without a server it may be of any version.
        let same = || types.versions().all(|types| find(types.major).is_none_or(|other| other == found));
        let rest = if self.ctx.knows_server() || same() { Rest::Nothing } else { Rest::Anything };
        Entry { columns: columns.collect(), rest, ..entry }
    }

    fn subselect(&mut self, item: &protobuf::RangeSubselect) -> Result {
        let Some(NodeEnum::SelectStmt(select)) = item.subquery.as_ref().and_then(|node| node.node.as_ref())
        else {
            return self.add(Entry { rest: Rest::Unknown, ..Entry::default() }, item.alias.as_ref());
        };
        let result = self.beside(item.lateral, |this| this.select(select)).resolved();
        self.add_result(&result, "", item.alias.as_ref())
    }

    /// Analyses a subquery in FROM; without LATERAL it does not see its neighbours.
    fn beside(&mut self, lateral: bool, analyse: impl FnOnce(&mut Self) -> Result) -> Result {
        let level = self.scopes.len();
        let top_level = std::mem::take(&mut self.top_level);
        let hidden = match self.scopes.last_mut() {
            Some(scope) if !lateral => std::mem::take(scope),
            _ => Scope::default(),
        };
        let result = analyse(self);
        if let Some(scope) = self.scopes.get_mut(level.wrapping_sub(1)).filter(|_| !lateral) {
            *scope = hidden;
        }
        self.top_level = top_level;
        result
    }

    fn range_function(&mut self, item: &protobuf::RangeFunction) -> Result {
        let mut all = Result { columns: Some(Vec::new()), ..Result::default() };
        let single = item.functions.len() == 1;
        let mut first_name = String::new();
        for function in &item.functions {
            let Some(NodeEnum::List(list)) = function.node.as_ref() else { continue };
            let Some(call) = list.items.first() else { continue };
            let own_list = match list.items.get(1).and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::List(list)) => list.items.as_slice(),
                _ => &[],
            };
            let definitions = if own_list.is_empty() { item.coldeflist.as_slice() } else { own_list };
            let name = super::query_name::figure(call).unwrap_or_default();
            let alias = item.alias.as_ref().filter(|_| single).map(|alias| alias.aliasname.as_str());
            let scalar = alias.unwrap_or(&name).to_owned();
            if first_name.is_empty() {
                first_name = name;
            }
            let result = self.range_call(call, &scalar, definitions);
            all.rest = if result.columns.is_none() { result.rest } else { all.rest };
            all.open.extend(result.open);
            all.columns = all.columns.zip(result.columns).map(|(mut all, more)| {
                all.extend(more);
                all
            });
        }
        if item.ordinality
            && let Some(columns) = &mut all.columns
        {
            columns.push(OutputColumn { name: "ordinality".into(), ty: Typed::named("int8") });
        }
        let result = self.add_result(&all, &first_name, item.alias.as_ref());
        if let Some(entry) = self.scopes.last_mut().and_then(|scope| scope.entries.last_mut()) {
            entry.is_function = true;
        }
        result
    }

    fn range_call(&mut self, call: &protobuf::Node, scalar: &str, definitions: &[protobuf::Node]) -> Result {
        let (typed, called) = match call.node.as_ref() {
            Some(NodeEnum::FuncCall(call)) if unnests_several(call) => {
                return self.unnest_several(call, scalar);
            }
            Some(NodeEnum::FuncCall(call)) => self.call_with(call),
            _ => (self.expr(call), Called::default()),
        };
        match definitions {
            [] => self.function_result(&typed, &called, scalar),
            definitions => self.column_definitions(definitions),
        }
    }

    /// `unnest(a, b)` in FROM is `unnest(a)` beside `unnest(b)`.
    fn unnest_several(&mut self, call: &protobuf::FuncCall, scalar: &str) -> Result {
        let mut columns = Some(Vec::new());
        for argument in &call.args {
            let one = protobuf::FuncCall { args: vec![argument.clone()], ..call.clone() };
            let (typed, called) = self.call_with(&one);
            let result = self.function_result(&typed, &called, scalar);
            columns = columns.zip(result.columns).map(|(mut all, more): (Vec<OutputColumn>, _)| {
                all.extend(more);
                all
            });
        }
        columns.map_or_else(Result::unknown, Result::known)
    }

    fn column_definitions(&mut self, list: &[protobuf::Node]) -> Result {
        let mut columns = Vec::new();
        for node in list {
            let Some(NodeEnum::ColumnDef(column)) = node.node.as_ref() else { continue };
            let ty = column.type_name.as_ref().map_or_else(Typed::unsure, |ty| self.written_type(ty));
            columns.push(OutputColumn { name: column.colname.clone(), ty });
        }
        Result::known(columns)
    }

    fn xml_table(&mut self, item: &protobuf::RangeTableFunc) -> Result {
        self.opt(&item.docexpr);
        self.opt(&item.rowexpr);
        let mut columns = Vec::new();
        for node in &item.columns {
            let Some(NodeEnum::RangeTableFuncCol(column)) = node.node.as_ref() else { continue };
            self.opt(&column.colexpr);
            self.opt(&column.coldefexpr);
            let ty = match &column.type_name {
                Some(ty) => self.written_type(ty),
                None => Typed::named("int4"),
            };
            columns.push(OutputColumn { name: column.colname.clone(), ty });
        }
        self.add_result(&Result::known(columns), "xmltable", item.alias.as_ref())
    }

    fn json_table(&mut self, item: &protobuf::JsonTable) -> Result {
        if let Some(value) = &item.context_item {
            self.json_value(value);
        }
        self.exprs(&item.passing);
        let mut columns = Vec::new();
        self.json_columns(&item.columns, &mut columns);
        self.add_result(&Result::known(columns), "json_table", item.alias.as_ref())
    }

    /// The columns of a path, and behind them those of the paths nested in it.
    fn json_columns(&mut self, list: &[protobuf::Node], columns: &mut Vec<OutputColumn>) {
        let all = || {
            list.iter().filter_map(|node| match node.node.as_ref() {
                Some(NodeEnum::JsonTableColumn(column)) => Some(column),
                _ => None,
            })
        };
        for column in all().filter(|column| column.columns.is_empty()) {
            let ty = match &column.type_name {
                Some(ty) => self.written_type(ty),
                None => Typed::named("int4"),
            };
            columns.push(OutputColumn { name: column.name.clone(), ty });
        }
        for nested in all() {
            self.json_columns(&nested.columns, columns);
        }
    }

    fn join(&mut self, join: &protobuf::JoinExpr) -> Result {
        let start = self.entries();
        let outer = self.apart;
        if join.alias.is_some() {
            self.apart = (self.scopes.len(), start);
        }
        let left = join.larg.as_ref().map_or_else(Result::unknown, |side| self.source_item(side));
        let middle = self.entries();
        let right = join.rarg.as_ref().map_or_else(Result::unknown, |side| self.source_item(side));
        let end = self.entries();
        let using = match join.is_natural {
            true => common_names(&left, &right),
            false => Some(strings(&join.using_clause)),
        };
        let mut merged = Vec::new();
        for name in using.iter().flatten() {
            let sides = [self.using_column(name, start..middle), self.using_column(name, middle..end)];
            let ty = self.ctx.types().common_of(&sides);
            merged.push(OutputColumn { name: name.clone(), ty });
        }
        self.opt(&join.quals);
        if let Some(alias) = &join.join_using_alias {
            let result = Result::known(merged.clone());
            self.add_result(&result, "", Some(alias));
        }
        let result = match using {
            Some(_) => merge(left, right, merged),
            None => Result::unknown(),
        };
        self.apart = outer;
        match &join.alias {
            Some(alias) => self.aliased_join(start..end, &result, alias),
            None => result,
        }
    }

    /// `(a JOIN b …) AS j`: only `j` is visible from here on.
    fn aliased_join(&mut self, sides: Range<usize>, result: &Result, alias: &protobuf::Alias) -> Result {
        let level = self.scopes.len().saturating_sub(1);
        for at in sides.clone() {
            self.use_row((level, at));
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.entries.drain(sides);
        }
        self.add_result(&renamed(result.clone(), &[]), "", Some(alias))
    }

    fn entries(&self) -> usize {
        self.scopes.last().map_or(0, |scope| scope.entries.len())
    }

    /// Resolves a column of USING in one side of the join.
    fn using_column(&mut self, name: &str, side: Range<usize>) -> Typed {
        let Some(scope) = self.scopes.pop() else { return Typed::unsure() };
        // One side alone, as if nothing else were there.
        let outer = std::mem::take(&mut self.scopes);
        let entries = scope.entries.get(side).map(<[Entry]>::to_vec).unwrap_or_default();
        self.scopes.push(Scope { entries });
        let ty = self.unqualified(name, self.ctx.statement.span);
        self.scopes = outer;
        self.scopes.push(scope);
        ty
    }
}

fn unnests_several(call: &protobuf::FuncCall) -> bool {
    call.args.len() > 1 && strings(&call.funcname) == ["unnest"]
}

fn common_names(left: &Result, right: &Result) -> Option<Vec<String>> {
    let (left, right) = (left.columns.as_ref()?, right.columns.as_ref()?);
    let right: BTreeSet<&str> = right.iter().map(|column| column.name.as_str()).collect();
    Some(left.iter().map(|c| c.name.clone()).filter(|name| right.contains(name.as_str())).collect())
}

/// The columns of a join: those of USING once and first.
fn merge(left: Result, right: Result, merged: Vec<OutputColumn>) -> Result {
    let rest = if left.columns.is_none() { left.rest } else { right.rest };
    let using: BTreeSet<String> = merged.iter().map(|column| column.name.clone()).collect();
    let columns = left.columns.zip(right.columns).map(|(left, right)| {
        let others = left.into_iter().chain(right).filter(|column| !using.contains(&column.name));
        merged.into_iter().chain(others).collect()
    });
    let open = left.open.into_iter().chain(right.open).collect();
    Result { columns, open, rest }
}

impl super::Context<'_> {
    /// Whether a name means one of PostgreSQL's own relations, which are not modelled.
    pub(super) fn is_system_relation(&self, name: &Name) -> bool {
        match &name.schema {
            Some(schema) => Catalog::is_system_schema(schema),
            None => {
                let in_path = |schema: &String| schema == "information_schema";
                self.catalog.find_relation(name, self.path()).yes().is_none()
                    && (name.name.starts_with("pg_") || self.path().0.iter().any(in_path))
            }
        }
    }

    /// Whether the server's version has a relation of its own of that name.
    pub(super) fn is_system_table(&self, name: &Name) -> bool {
        let schema = name.schema.as_deref().unwrap_or("pg_catalog");
        builtin::relation(schema, &name.name, self.types().major).is_some()
    }

    /// Records what reading a relation reads besides: behind a view, in partitions and children, by policies.
    pub(super) fn read_through(&mut self, relation: Id) {
        let mut seen = BTreeSet::from([relation]);
        let mut todo = vec![relation];
        while let Some(id) = todo.pop() {
            let Some(found) = self.catalog.relation(id) else { continue };
            let name = self.catalog.relation_name(id);
            if found.row_security.0 {
                self.touch(Place::Rules(name.clone()), Access::Read);
            }
            let mut next: Vec<Id> = self.catalog.children_of(id);
            if matches!(found.kind, RelationKind::View) {
                for dependency in &found.depends {
                    next.push(dependency.on);
                    self.read_dependency(dependency.on, dependency.column);
                }
            }
            for id in next {
                if seen.insert(id) && self.catalog.relation(id).is_some() {
                    self.lock(id, LockMode::AccessShare);
                    let name = self.catalog.relation_name(id);
                    self.touch(Place::Relation(name.clone()), Access::Read);
                    self.touch(Place::Rows(name), Access::Read);
                    todo.push(id);
                }
            }
        }
    }

    fn read_dependency(&mut self, on: Id, column: Option<crate::catalog::ColumnNumber>) {
        if let Some(relation) = self.catalog.relation(on) {
            let name: QName = self.catalog.relation_name(on);
            if let Some(column) = column.and_then(|number| relation.column_numbered(number)) {
                self.touch(Place::Column(name, column.name.clone()), Access::Read);
            }
        } else if let Some(function) = self.catalog.function(on) {
            let name = self.catalog.function_name(on);
            let arguments = Some(function.signature());
            self.touch(Place::Object(ObjectRef::Function { name: name.clone(), arguments }), Access::Read);
            self.touch(Place::Object(ObjectRef::Function { name, arguments: None }), Access::Read);
            self.called(on);
        } else if self.catalog.type_by_id(on).is_some() {
            let name = self.catalog.type_name(on);
            self.touch(Place::Object(ObjectRef::Type { name }), Access::Read);
        }
    }

    /// Requires a sequence, index or other relation that a constant names (`'seq'::regclass`).
    pub(super) fn need_named_relation(&mut self, text: &str, noun: &'static str, span: Span) {
        let Some(name) = super::query_name::parse_name(text) else { return };
        if self.is_system_relation(&name) {
            return;
        }
        if let Some(id) = self.need_relation(&name, span, noun) {
            self.depends.push(crate::catalog::Dependency { on: id, column: None });
        }
    }

    /// Requires a type that a constant names (`'mood'::regtype`).
    pub(super) fn need_named_type(&mut self, text: &str, span: Span) {
        let Some(name) = super::query_name::parse_name(text) else { return };
        let (verdict, candidates) = match self.catalog.find_type(&name, self.path()) {
            Found::Yes(id) => (Verdict::Valid, vec![self.catalog.type_name(id)]),
            Found::No => (Verdict::Invalid, self.catalog.candidates(&name, self.path())),
            Found::Unknown => return,
        };
        // Array and SQL names (`integer`, `_int4`) are not looked up here.
        if verdict == Verdict::Invalid && (name.name.starts_with('_') || name.schema.is_none()) {
            let parsed = crate::syntax::parse_type_name(text);
            let builtin = parsed
                .is_ok_and(|node| strings(&node.names).first().is_some_and(|schema| schema == "pg_catalog"));
            if builtin || name.name.starts_with('_') {
                return;
            }
        }
        let any_of = candidates
            .iter()
            .flat_map(|name| {
                [
                    Facet::Exists(ObjectRef::Type { name: name.clone() }),
                    Facet::Exists(ObjectRef::relation(name)),
                ]
            })
            .collect();
        self.require(any_of, span, verdict, Code::DN205, format!("type `{name}` does not exist"), Vec::new());
    }
}
