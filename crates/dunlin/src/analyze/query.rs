//! Queries: names resolved through FROM, joins, subqueries and CTEs, and the expressions in them.

use super::query_call::Called;
use super::query_scope::{Entry, Rest, Scope};
use super::typing::{Collation, Typed, Types};
use super::{Access, Class, Context, LockMode, Place};
use crate::catalog::{Column, ColumnNumber, Dependency, Id, QName, Relation};
use crate::syntax::{NodeEnum, protobuf};
use std::collections::BTreeSet;

/// A column that a query gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// Its type, as far as it is known.
    pub ty: Typed,
}

/// What a query gives: none where its columns cannot be known.
pub type Output = Option<Vec<OutputColumn>>;

/// One source of columns in a scope: a table in FROM, a subquery, or the table that a CHECK is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name by which columns are qualified: the alias, or the table's name.
    pub alias: String,
    /// The table's name with its schema, when it is a table or view.
    pub relation: Option<QName>,
    /// The relation in the catalog; none for subqueries and for a table that this statement makes.
    pub id: Option<Id>,
    /// Its columns; none where they cannot be known.
    pub columns: Option<Vec<SourceColumn>>,
}

/// A column of a [`Source`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Typed,
    /// Its number in the relation.
    pub number: Option<ColumnNumber>,
}

impl From<&SourceColumn> for OutputColumn {
    fn from(column: &SourceColumn) -> OutputColumn {
        OutputColumn { name: column.name.clone(), ty: column.ty.clone() }
    }
}

impl Source {
    /// Makes the source of a relation, existing (`id`) or under creation.
    pub fn of(name: QName, id: Option<Id>, relation: &Relation) -> Source {
        let columns = relation.columns.iter().map(|column| SourceColumn {
            name: column.name.clone(),
            ty: column_type(column),
            number: Some(column.number),
        });
        let columns = relation.columns_known.then(|| columns.collect());
        Source { alias: name.name.clone(), relation: Some(name), id, columns }
    }
}

/// The type of a column with its collation.
pub(super) fn column_type(column: &Column) -> Typed {
    let typed = Typed::from_ref(&column.ty);
    Typed { collation: Collation::of_column(typed.ty, column.collation.as_deref()), ..typed }
}

impl<'a> Context<'a> {
    /// The types of the catalog that the statement is analysed against.
    pub(super) fn types(&self) -> Types<'a> {
        Types::new(self.catalog, self.path())
    }
}

impl Context<'_> {
    /// Analyses a query: records what it needs, reads and writes, and gives its columns.
    pub fn query(&mut self, select: &protobuf::SelectStmt) -> Output {
        Resolver::new(self, true).select(select).resolved().columns
    }

    /// Analyses the query of a view: what it needs; the rows are not read when the view is made.
    pub fn view_query(&mut self, select: &protobuf::SelectStmt) -> Output {
        Resolver::new(self, false).select(select).resolved().columns
    }

    /// Analyses an expression over the columns of one table (CHECK, index, default, generated, policy,
    /// trigger WHEN with sources `old` and `new`); gives the numbers of the columns that are used, sorted.
    pub fn expression(&mut self, node: &protobuf::Node, sources: &[Source]) -> Vec<ColumnNumber> {
        self.typed_expression(node, sources).0
    }

    /// The same with the type of the expression.
    pub(super) fn typed_expression(
        &mut self,
        node: &protobuf::Node,
        sources: &[Source],
    ) -> (Vec<ColumnNumber>, Typed) {
        let mut resolver = Resolver::new(self, false);
        resolver.scopes.push(Scope { entries: sources.iter().map(Entry::from).collect() });
        let typed = resolver.expr(node);
        (resolver.used.into_iter().collect(), typed)
    }

    /// Analyses a SELECT, VALUES or TABLE statement.
    pub fn select_statement(&mut self, select: &protobuf::SelectStmt) {
        self.analysis.kind = "SELECT";
        self.raise(Class::Reads);
        self.sure_call = only_call(select);
        let mut resolver = Resolver::new(self, true);
        resolver.top_level = true;
        resolver.select(select);
        if self.analysis.class == Class::Reads {
            self.analysis.only_checks = true;
        }
    }

    /// Raises the statement's class to that of one of its parts.
    pub(super) fn raise(&mut self, class: Class) {
        if strength(class) > strength(self.analysis.class) {
            self.analysis.class = class;
        }
    }
}

/// The only call of a query that makes it once, whatever the rows are: `SELECT f()`, `SELECT * FROM f()`.
fn only_call(select: &protobuf::SelectStmt) -> Option<i32> {
    let plain = select.where_clause.is_none()
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.limit_count.is_none()
        && select.limit_offset.is_none()
        && select.with_clause.is_none()
        && select.larg.is_none()
        && select.values_lists.is_empty();
    let [target] = select.target_list.as_slice() else { return None };
    let NodeEnum::ResTarget(target) = target.node.as_ref()? else { return None };
    let value = target.val.as_ref()?.node.as_ref()?;
    match (value, select.from_clause.as_slice()) {
        _ if !plain => None,
        (NodeEnum::FuncCall(call), []) => Some(call.location).filter(|place| *place >= 0),
        (NodeEnum::ColumnRef(_), [from]) => match from.node.as_ref()? {
            NodeEnum::RangeFunction(range) => range_call(range),
            _ => None,
        },
        _ => None,
    }
}

fn range_call(range: &protobuf::RangeFunction) -> Option<i32> {
    let [only] = range.functions.as_slice() else { return None };
    let NodeEnum::List(list) = only.node.as_ref()? else { return None };
    match list.items.first()?.node.as_ref()? {
        NodeEnum::FuncCall(call) => Some(call.location).filter(|place| *place >= 0),
        _ => None,
    }
}

/// How much a class says: the statement's is that of its strongest part.
pub(super) fn strength(class: Class) -> u8 {
    match class {
        Class::Reads => 0,
        Class::Session => 1,
        Class::Maintains => 2,
        Class::Transaction => 3,
        Class::Adds => 4,
        Class::Writes => 5,
        Class::Changes => 6,
        Class::Removes => 7,
        Class::Opaque => 8,
    }
}

/// What a query gives, and through which tables it would give more.
#[derive(Debug, Clone, Default)]
pub(super) struct Result {
    pub(super) columns: Output,
    /// Tables behind a `*`: a column added to one of them appears in the result.
    pub(super) open: Vec<QName>,
    /// What columns there may be when they are not known.
    pub(super) rest: Rest,
}

impl Result {
    pub(super) fn unknown() -> Result {
        Result { columns: None, open: Vec::new(), rest: Rest::Unknown }
    }

    pub(super) fn known(columns: Vec<OutputColumn>) -> Result {
        Result { columns: Some(columns), open: Vec::new(), rest: Rest::Nothing }
    }

    /// The result with constants that have no type of their own as text.
    pub(super) fn resolved(mut self) -> Result {
        for column in self.columns.iter_mut().flatten() {
            column.ty = std::mem::take(&mut column.ty).resolved();
        }
        self
    }
}

/// A CTE that can be seen.
#[derive(Debug, Clone)]
pub(super) struct Cte {
    pub(super) name: String,
    pub(super) result: Result,
}

/// Resolves the names of one statement.
pub(super) struct Resolver<'c, 'a> {
    pub(super) ctx: &'c mut Context<'a>,
    /// The levels of the query, outermost first.
    pub(super) scopes: Vec<Scope>,
    /// The CTEs in sight, nearest last.
    pub(super) ctes: Vec<Cte>,
    /// Columns of the outermost level's sources that were used.
    pub(super) used: BTreeSet<ColumnNumber>,
    /// Columns whose requirement is recorded already.
    pub(super) seen: BTreeSet<(Id, ColumnNumber)>,
    /// Tables of which some values were read.
    pub(super) read_tables: BTreeSet<QName>,
    /// Whether rows are read; false where only a definition is stored.
    pub(super) data: bool,
    /// Whether the query is the statement itself: `SELECT set_config(…)` then changes the session.
    pub(super) top_level: bool,
    /// Whether the call that is analysed is that of a CALL statement.
    pub(super) is_call: bool,
    /// How many expressions and clauses are open that need not come to what is in them.
    pub(super) branches: usize,
    /// At which level, and from which source on, names are those of a join with an alias: only that is seen outside.
    pub(super) apart: (usize, usize),
}

impl<'c, 'a> Resolver<'c, 'a> {
    pub(super) fn new(ctx: &'c mut Context<'a>, data: bool) -> Self {
        Resolver {
            ctx,
            scopes: Vec::new(),
            ctes: Vec::new(),
            used: BTreeSet::new(),
            seen: BTreeSet::new(),
            read_tables: BTreeSet::new(),
            data,
            top_level: false,
            is_call: false,
            branches: 0,
            apart: (0, 0),
        }
    }

    /// Analyses a query of any shape.
    pub(super) fn select(&mut self, select: &protobuf::SelectStmt) -> Result {
        self.select_with(select, None)
    }

    /// Analyses a query; the left side of a recursive CTE's UNION makes the CTE visible on its right.
    fn select_with(
        &mut self,
        select: &protobuf::SelectStmt,
        recursive: Option<&protobuf::CommonTableExpr>,
    ) -> Result {
        let ctes = self.ctes.len();
        if let Some(with) = &select.with_clause {
            self.with(with);
        }
        let result = match (&select.larg, &select.rarg) {
            (Some(left), Some(right)) => self.set_operation(select, left, right, recursive),
            _ if !select.values_lists.is_empty() => self.values(select),
            _ => self.plain_select(select),
        };
        self.ctes.truncate(ctes);
        result
    }

    fn set_operation(
        &mut self,
        select: &protobuf::SelectStmt,
        left: &protobuf::SelectStmt,
        right: &protobuf::SelectStmt,
        recursive: Option<&protobuf::CommonTableExpr>,
    ) -> Result {
        let mut result = self.select(left);
        if let Some(cte) = recursive {
            let visible = result.clone().resolved();
            let mut visible = renamed(visible, &super::context::strings(&cte.aliascolnames));
            if let Some(columns) = &mut visible.columns {
                columns.extend(generated_columns(cte));
            }
            self.ctes.push(Cte { name: cte.ctename.clone(), result: visible });
        }
        let other = self.select(right);
        self.merge_types(&mut result, &other);
        // Rows of UNION ALL alone are not compared.
        for column in result.columns.iter().flatten().filter(|_| !select.all) {
            self.need_equality(&column.ty, -1);
        }
        if recursive.is_some() {
            self.ctes.pop();
        }
        // ORDER BY sees the result's names only.
        let names = Entry {
            columns: source_columns(&result),
            rest: if result.columns.is_some() { Rest::Nothing } else { Rest::Unknown },
            ..Entry::default()
        };
        self.scopes.push(Scope { entries: vec![names] });
        self.sort(&select.sort_clause, result.columns.as_deref());
        self.limits(select);
        self.scopes.pop();
        // A column added to one side only makes the sides unequal: the result is not open.
        Result { open: Vec::new(), ..result }
    }

    /// The columns of a set operation have the types that those of both sides have in common.
    fn merge_types(&self, left: &mut Result, right: &Result) {
        let Some(columns) = &mut left.columns else { return };
        for (at, column) in columns.iter_mut().enumerate() {
            let other = right.columns.as_ref().and_then(|columns| columns.get(at));
            let other = other.map_or_else(Typed::unsure, |column| column.ty.clone());
            column.ty = self.ctx.types().common_of(&[std::mem::take(&mut column.ty), other]);
        }
    }

    fn values(&mut self, select: &protobuf::SelectStmt) -> Result {
        self.scopes.push(Scope::default());
        let mut values: Vec<Vec<Typed>> = Vec::new();
        for list in &select.values_lists {
            let Some(NodeEnum::List(list)) = list.node.as_ref() else { continue };
            for (at, value) in list.items.iter().enumerate() {
                let ty = self.expr(value);
                match values.get_mut(at) {
                    Some(column) => column.push(ty),
                    None => values.push(vec![ty]),
                }
            }
        }
        let types = self.ctx.types();
        let named = |(at, all): (usize, &Vec<Typed>)| OutputColumn {
            name: format!("column{}", at + 1),
            ty: types.common_of(all),
        };
        let columns: Vec<OutputColumn> = values.iter().enumerate().map(named).collect();
        self.sort(&select.sort_clause, Some(&columns));
        self.limits(select);
        self.scopes.pop();
        Result::known(columns)
    }

    fn plain_select(&mut self, select: &protobuf::SelectStmt) -> Result {
        self.scopes.push(Scope::default());
        let filtered = select.where_clause.is_some()
            || select.having_clause.is_some()
            || select.limit_count.is_some()
            || select.limit_offset.is_some();
        let stars = self.sources_of(&select.from_clause);
        self.branches += usize::from(filtered);
        let result = self.targets(&select.target_list, &stars);
        let names = result.columns.as_deref();
        for node in &select.distinct_clause {
            if node.node.is_some() {
                let typed = self.output_or_input(node, names);
                self.need_equality(&typed, -1);
            } else {
                for column in result.columns.iter().flatten() {
                    self.need_equality(&column.ty, -1);
                }
            }
        }
        self.opt(&select.where_clause);
        for node in &select.group_clause {
            self.group_item(node, names);
        }
        self.opt(&select.having_clause);
        self.exprs(&select.window_clause);
        self.sort(&select.sort_clause, names);
        self.limits(select);
        self.branches -= usize::from(filtered);
        self.row_locks(select);
        self.leave_scope();
        result
    }

    fn limits(&mut self, select: &protobuf::SelectStmt) {
        self.opt(&select.limit_offset);
        self.opt(&select.limit_count);
    }

    /// Leaves a level; a table of which no column was used is read all the same: its rows are counted.
    pub(super) fn leave_scope(&mut self) {
        let Some(scope) = self.scopes.pop() else { return };
        for entry in scope.entries {
            if let Some(table) = entry.relation.filter(|_| entry.id.is_some())
                && !self.read_tables.contains(&table)
            {
                self.read_rows(&table);
            }
        }
    }

    /// Analyses a target list (or RETURNING) in the innermost scope.
    pub(super) fn targets(&mut self, list: &[protobuf::Node], stars: &Stars) -> Result {
        let mut columns = Some(Vec::new());
        let mut open = Vec::new();
        let mut rest = Rest::Nothing;
        for node in list {
            let Some(NodeEnum::ResTarget(target)) = node.node.as_ref() else { continue };
            let Some(value) = &target.val else { continue };
            if let Some(star) = self.star(value, stars).or_else(|| self.row_star(value)) {
                open.extend(star.open);
                rest = if star.columns.is_none() { star.rest } else { rest };
                columns = columns.zip(star.columns).map(|(mut all, more)| {
                    all.extend(more);
                    all
                });
                continue;
            }
            let ty = self.expr(value);
            let name = match target.name.as_str() {
                "" => super::query_name::figure(value),
                name => Some(name.to_owned()),
            };
            columns = columns.zip(name).map(|(mut all, name)| {
                all.push(OutputColumn { name, ty });
                all
            });
        }
        let rest = if columns.is_none() && rest == Rest::Nothing { Rest::Unknown } else { rest };
        Result { columns, open, rest }
    }

    /// What `*`, `t.*` or `schema.t.*` gives; none when the target is something else.
    fn star(&mut self, value: &protobuf::Node, stars: &Stars) -> Option<Result> {
        let Some(NodeEnum::ColumnRef(column)) = value.node.as_ref() else { return None };
        let (last, qualifier) = column.fields.split_last()?;
        if !matches!(last.node.as_ref(), Some(NodeEnum::AStar(_))) {
            return None;
        }
        let span = self.ctx.span(column.location);
        let parts = super::context::strings(qualifier);
        let Some(alias) = parts.last() else { return Some(self.whole_star(stars)) };
        let Some(at) = self.find_alias(alias) else {
            if parts.len() == 1 {
                self.no_source(alias, span);
            }
            return Some(Result::unknown());
        };
        let entry = self.scopes[at.0].entries[at.1].clone();
        let columns = self.star_of(at);
        Some(Result { columns, open: entry.open, rest: entry.rest })
    }

    /// What `(row).*` gives, of a composite value or of a function with several results; none when the target is
    /// something else.
    fn row_star(&mut self, value: &protobuf::Node) -> Option<Result> {
        let Some(NodeEnum::AIndirection(indirection)) = value.node.as_ref() else { return None };
        let (last, before) = indirection.indirection.split_last()?;
        if !matches!(last.node.as_ref(), Some(NodeEnum::AStar(_))) {
            return None;
        }
        let call = match indirection.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
            Some(NodeEnum::FuncCall(call)) if before.is_empty() => Some(call),
            _ => None,
        };
        let (typed, called) = match call {
            Some(call) => self.call_with(call),
            None => {
                let inner =
                    protobuf::AIndirection { arg: indirection.arg.clone(), indirection: before.to_vec() };
                (self.indirection(&inner), Called::default())
            }
        };
        if let Some(fields) = &typed.fields {
            return Some(Result::known(fields.to_vec()));
        }
        if let Some(id) = self.ctx.types().row(typed.ty) {
            let columns = self.ctx.catalog.relation(id).map(|row| row.columns.as_slice()).unwrap_or_default();
            let each = columns.iter().map(|column| Dependency { on: id, column: Some(column.number) });
            self.ctx.depends.extend(each);
        } else if !(typed.ty.is_unsure() || typed.ty.is("record")) {
            return Some(Result::unknown());
        }
        Some(self.function_result(&typed, &called, ""))
    }

    fn whole_star(&mut self, stars: &Stars) -> Result {
        let level = self.scopes.len().saturating_sub(1);
        let count = self.scopes.last().map_or(0, |scope| scope.entries.len());
        for at in 0..count {
            self.use_row((level, at));
        }
        let mut result = Result { columns: Some(Vec::new()), ..Result::default() };
        for star in &stars.0 {
            result.open.extend(star.open.iter().cloned());
            result.rest = if star.columns.is_none() { star.rest } else { result.rest };
            result.columns = result.columns.zip(star.columns.clone()).map(|(mut all, more)| {
                all.extend(more);
                all
            });
        }
        result
    }

    /// FOR UPDATE and its like.
    fn row_locks(&mut self, select: &protobuf::SelectStmt) {
        for node in &select.locking_clause {
            let Some(NodeEnum::LockingClause(clause)) = node.node.as_ref() else { continue };
            let named: Vec<String> = clause
                .locked_rels
                .iter()
                .filter_map(|node| match node.node.as_ref()? {
                    NodeEnum::RangeVar(range) => Some(range.relname.clone()),
                    _ => None,
                })
                .collect();
            for name in &named {
                let there = self.scopes.last().is_some_and(|scope| {
                    scope.entries.iter().any(|entry| entry.alias == *name || entry.alias.is_empty())
                });
                if !there {
                    self.no_source(name, self.ctx.statement.span);
                }
            }
            let Some(scope) = self.scopes.last() else { continue };
            let locked: Vec<Id> = scope
                .entries
                .iter()
                .filter(|entry| named.is_empty() || named.contains(&entry.alias))
                .filter_map(|entry| entry.id)
                .collect();
            for id in locked {
                self.ctx.lock(id, LockMode::RowShare);
                let name = self.ctx.catalog.relation_name(id);
                self.ctx.touch(Place::Rows(name), Access::Read);
            }
        }
    }

    /// Analyses WITH; its CTEs stay visible until the caller truncates them.
    pub(super) fn with(&mut self, with: &protobuf::WithClause) {
        let ctes: Vec<&protobuf::CommonTableExpr> = with
            .ctes
            .iter()
            .filter_map(|node| match node.node.as_ref()? {
                NodeEnum::CommonTableExpr(cte) => Some(&**cte),
                _ => None,
            })
            .collect();
        if with.recursive {
            // RECURSIVE lets a CTE name one that is written after it.
            for cte in &ctes {
                self.ctes.push(Cte { name: cte.ctename.clone(), result: Result::unknown() });
            }
        }
        for cte in ctes {
            let result = self.cte_query(cte, with.recursive);
            let names = super::context::strings(&cte.aliascolnames);
            if let Some(columns) = &result.columns {
                self.need_names(&cte.ctename, columns.len(), names.len());
            }
            let mut result = renamed(result, &names);
            if let Some(columns) = &mut result.columns {
                columns.extend(generated_columns(cte));
            }
            self.ctes.push(Cte { name: cte.ctename.clone(), result });
        }
    }

    fn cte_query(&mut self, cte: &protobuf::CommonTableExpr, recursive: bool) -> Result {
        let top_level = std::mem::take(&mut self.top_level);
        // A CTE does not see the FROM of the query that it belongs to, but that of the levels around it.
        let result = match cte.ctequery.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::SelectStmt(select)) => {
                self.select_with(select, recursive.then_some(cte)).resolved()
            }
            Some(NodeEnum::InsertStmt(insert)) => self.insert(insert),
            Some(NodeEnum::UpdateStmt(update)) => self.update(update),
            Some(NodeEnum::DeleteStmt(delete)) => self.delete(delete),
            Some(NodeEnum::MergeStmt(merge)) => self.merge(merge),
            _ => Result::unknown(),
        };
        self.top_level = top_level;
        result
    }
}

/// What `*` expands to, one result for each item of FROM.
#[derive(Debug, Clone, Default)]
pub(super) struct Stars(pub(super) Vec<Result>);

/// Renames the first columns of a result, as an alias with a list of columns does.
pub(super) fn renamed(mut result: Result, names: &[String]) -> Result {
    if let Some(columns) = &mut result.columns {
        for (column, name) in columns.iter_mut().zip(names) {
            column.name.clone_from(name);
        }
        if !names.is_empty() && names.len() >= columns.len() {
            result.open.clear();
        }
    }
    result
}

/// The columns that SEARCH and CYCLE add.
fn generated_columns(cte: &protobuf::CommonTableExpr) -> Vec<OutputColumn> {
    let search = cte.search_clause.iter().map(|search| search.search_seq_column.as_str());
    let cycle = cte
        .cycle_clause
        .iter()
        .flat_map(|cycle| [cycle.cycle_mark_column.as_str(), cycle.cycle_path_column.as_str()]);
    search.chain(cycle).map(|name| OutputColumn { name: name.to_owned(), ty: Typed::unsure() }).collect()
}

/// A result's columns as those of a source.
pub(super) fn source_columns(result: &Result) -> Vec<SourceColumn> {
    result
        .columns
        .iter()
        .flatten()
        .map(|column| SourceColumn { name: column.name.clone(), ty: column.ty.clone(), number: None })
        .collect()
}
