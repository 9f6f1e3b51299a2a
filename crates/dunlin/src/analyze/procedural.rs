//! DO blocks: PL/pgSQL statements walked in the order in which they run, on a catalog that changes with them.

use super::{Class, Context, Presence, Session, Transactional};
use crate::catalog::Catalog;
use crate::diagnostic::Code;
use crate::source::{SourceFile, Span};
use crate::syntax::plpgsql::{
    Branch, Dynamic, LoopHeader, PlBlock, PlSql, PlStmt, RaiseLevel, Returned, plpgsql,
};
use crate::syntax::{
    EXPRESSION_PREFIX, NodeEnum, ParseOptions, Statement, TokenDigest, Tree, parse, parse_expression,
    parse_sql_fragment, protobuf,
};
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

impl Context<'_> {
    /// Analyses a DO statement.
    pub fn do_block(&mut self, statement: &protobuf::DoStmt) {
        self.analysis.kind = "DO";
        let mut body = None;
        let mut language = "plpgsql".to_owned();
        for node in &statement.args {
            let Some(NodeEnum::DefElem(element)) = node.node.as_ref() else { continue };
            let Some(NodeEnum::String(text)) = element.arg.as_ref().and_then(|node| node.node.as_ref())
            else {
                continue;
            };
            match element.defname.as_str() {
                "as" => body = Some(text.sval.as_str()),
                "language" => language.clone_from(&text.sval),
                _ => {}
            }
        }
        let Some(body) = body else { return };
        if language != "plpgsql" {
            self.opaque(format!("DO in language {language}"));
            return;
        }
        let offset = match self.nested {
            true => None,
            false => self.statement.sql.find(body).map(|at| at + self.statement.span.start),
        };
        let block = match plpgsql(body) {
            Ok(block) => block,
            Err(error) => {
                self.opaque(format!("the body of DO cannot be read: {error}"));
                return;
            }
        };
        self.declared_types(body, &block, &[], self.session);
        let mut runner = Runner::new(self, body, offset);
        runner.block(&block);
        if self.analysis.class == Class::Reads {
            self.analysis.only_checks = true;
        }
    }

    /// Analyses EXPLAIN; with ANALYZE it runs its statement.
    pub fn explain(&mut self, statement: &protobuf::ExplainStmt) {
        let runs = statement.options.iter().any(|node| {
            matches!(node.node.as_ref(), Some(NodeEnum::DefElem(element)) if element.defname == "analyze")
        });
        let Some(node) = statement.query.as_ref().and_then(|query| query.node.as_ref()) else { return };
        self.nested = true;
        self.nested_statement(node);
        self.analysis.kind = "EXPLAIN";
        if let NodeEnum::CreateTableAsStmt(create) = node
            && self.analysis.presence != Presence::Absent
        {
            self.analysis.presence = Presence::Absent;
            if !create.if_not_exists {
                let span = self.statement.span;
                self.refuse(Code::DN216, span, "the table is there already".to_owned());
            }
        }
        if !runs {
            self.analysis.class = Class::Reads;
            self.analysis.effects.clear();
            self.analysis.provides.clear();
            self.analysis.data = None;
        }
    }

    /// Analyses a data change, a query or a procedural statement; all others are the dispatcher's.
    pub(super) fn nested_statement(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::InsertStmt(insert) => self.insert(insert),
            NodeEnum::UpdateStmt(update) => self.update(update),
            NodeEnum::DeleteStmt(delete) => self.delete(delete),
            NodeEnum::MergeStmt(merge) => self.merge(merge),
            NodeEnum::TruncateStmt(truncate) => self.truncate(truncate),
            NodeEnum::CopyStmt(copy) => self.copy(copy),
            NodeEnum::DoStmt(block) => self.do_block(block),
            NodeEnum::CallStmt(call) => self.call(call),
            _ => self.statement_node(node),
        }
    }
}

/// What comes after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// The next one.
    Goes,
    /// Maybe the next one, maybe the end.
    May,
    /// The end.
    Ends,
}

/// Walks a body.
pub(super) struct Runner<'c, 'a> {
    pub(super) ctx: &'c mut Context<'a>,
    /// The catalog as the statements before have left it.
    pub(super) catalog: Cow<'a, Catalog>,
    body: &'c str,
    /// Where the body starts in the file, if its text stands there as it is.
    offset: Option<usize>,
    /// The session as the function's own settings and the statements before have left it, where they changed it.
    pub(super) session: Option<Session>,
    /// Whether the search path is the function's own, and the caller's comes back at its end.
    pub(super) own_path: bool,
    /// Whether something may have changed the search path: what is not found may be elsewhere.
    pub(super) path_unknown: bool,
    /// Whether what follows may not run.
    pub(super) unsure: bool,
    /// Whether the text is bound when it runs: what is missing now is no requirement.
    pub(super) late: bool,
    /// Whether the body of a called function surely runs, and once, so that what it makes is there afterwards.
    pub(super) applies: bool,
    /// Whether the error for what is there already is caught.
    pub(super) catches_duplicates: bool,
    /// Variables whose truth is known.
    known: HashMap<String, bool>,
}

impl<'c, 'a> Runner<'c, 'a> {
    pub(super) fn new(ctx: &'c mut Context<'a>, body: &'c str, offset: Option<usize>) -> Self {
        let unsure = ctx.tentative && !ctx.runs;
        let catalog = Cow::Borrowed(ctx.catalog);
        Runner {
            ctx,
            catalog,
            body,
            offset,
            unsure,
            late: false,
            applies: false,
            session: None,
            own_path: false,
            path_unknown: false,
            catches_duplicates: false,
            known: HashMap::new(),
        }
    }

    /// Runs in a session of its own.
    pub(super) fn within(&mut self, session: Option<Session>) {
        self.own_path = session.is_some();
        self.session = session;
    }

    /// Runs a block with its handlers.
    pub(super) fn block(&mut self, block: &PlBlock) {
        self.run_block(block);
    }

    fn run_block(&mut self, block: &PlBlock) -> Flow {
        let variables = self.ctx.variables.len();
        self.ctx.variables.push("found".into());
        self.ctx.variables.extend(block.label.clone());
        for declare in &block.declares {
            if let Some(default) = declare.default_span {
                let value = self.expression(default);
                self.remember(&declare.name, value);
            }
            if let Some(query) = declare.query_span {
                let sql = self.text(query).to_owned();
                let variables = self.ctx.variables.len();
                self.ctx.variables.extend(declare.arguments.iter().cloned());
                self.sql(&PlSql { span: query, sql, into: None });
                self.ctx.variables.truncate(variables);
            }
            self.ctx.variables.push(declare.name.clone());
        }
        let flow = match block.handlers.is_empty() {
            true => self.statements(&block.body).0,
            false => self.guarded(block),
        };
        self.ctx.variables.truncate(variables);
        flow
    }

    /// Runs statements in order; says whether one surely fails because what it makes is there already.
    pub(super) fn statements(&mut self, list: &[PlStmt]) -> (Flow, bool) {
        let mut flow = Flow::Goes;
        let unsure = self.unsure;
        let mut failed = false;
        for statement in list {
            match self.statement(statement, &mut failed) {
                Flow::Goes => {}
                Flow::May => {
                    flow = Flow::May;
                    self.unsure = true;
                }
                Flow::Ends => {
                    flow = if flow == Flow::May { Flow::May } else { Flow::Ends };
                    break;
                }
            }
            if failed && self.catches_duplicates {
                break;
            }
        }
        self.unsure = unsure;
        (flow, failed)
    }

    fn statement(&mut self, statement: &PlStmt, failed: &mut bool) -> Flow {
        match statement {
            PlStmt::Sql(sql) | PlStmt::Perform(sql) => *failed |= self.sql(sql),
            PlStmt::If { branches, otherwise, .. } => {
                return self.branches(None, branches, otherwise, failed);
            }
            PlStmt::Case { subject, branches, otherwise, .. } => {
                let otherwise = otherwise.as_deref().unwrap_or_default();
                return self.branches(Some(*subject), branches, otherwise, failed);
            }
            PlStmt::Loop { label, header, body, .. } => {
                return self.repeat(label.as_ref(), header, body, failed);
            }
            PlStmt::Block(block) => return self.run_block(block),
            PlStmt::Execute { dynamic, .. } | PlStmt::OpenExecute { dynamic, .. } => {
                *failed |= self.dynamic(dynamic);
            }
            PlStmt::Raise { level: RaiseLevel::Exception, .. } => return Flow::Ends,
            PlStmt::Return { returned, .. } => match returned {
                Returned::Nothing => return Flow::Ends,
                Returned::Expr(span) => {
                    self.expression(*span);
                    return self.after_return(*span);
                }
                Returned::Query(sql) => *failed |= self.sql(sql),
                Returned::Execute(dynamic) => *failed |= self.dynamic(dynamic),
            },
            PlStmt::Assign { target, expr, .. } => {
                let value = self.expression(*expr);
                let target = self.text(*target).trim().to_lowercase();
                self.remember(&target, value);
            }
            PlStmt::Transaction { .. } => {
                self.ctx.analysis.transactional = Transactional::No;
                self.ctx.opaque("the body commits or rolls back");
            }
            PlStmt::OpenQuery { query, .. } => *failed |= self.sql(query),
            PlStmt::Assert { expr, .. } => self.ignore(*expr),
            PlStmt::Raise { .. } | PlStmt::Null { .. } => {}
            PlStmt::Other { span } => {
                let leaves = self.text(*span).trim_start().to_lowercase();
                if leaves.starts_with("exit") || leaves.starts_with("continue") {
                    return Flow::May;
                }
            }
        }
        Flow::Goes
    }

    /// RETURN ends the body; RETURN NEXT, which has an expression too, does not.
    fn after_return(&self, expr: Span) -> Flow {
        let before = self.body.get(..expr.start).unwrap_or_default().trim_end().to_lowercase();
        if before.ends_with("next") { Flow::Goes } else { Flow::Ends }
    }

    fn branches(
        &mut self,
        subject: Option<Option<Span>>,
        branches: &[Branch],
        otherwise: &[PlStmt],
        failed: &mut bool,
    ) -> Flow {
        let simple_case = matches!(subject, Some(Some(_)));
        if let Some(Some(span)) = subject {
            self.expression(span);
        }
        let unsure = self.unsure;
        let mut flow: Option<Flow> = None;
        for branch in branches {
            let value = self.expression(branch.cond).filter(|_| !simple_case);
            if value == Some(false) {
                continue;
            }
            self.unsure = unsure || value.is_none() || flow.is_some();
            let (ends, fails) = self.statements(&branch.body);
            *failed |= fails && !self.unsure;
            self.unsure = unsure;
            flow = Some(match flow {
                None if value == Some(true) => return ends,
                before => self.either(before, ends, &branch.body),
            });
            if value == Some(true) {
                return flow.unwrap_or(Flow::May);
            }
        }
        self.unsure = unsure || flow.is_some();
        let (ends, fails) = self.statements(otherwise);
        *failed |= fails && !self.unsure;
        self.unsure = unsure;
        match flow {
            None => ends,
            before => self.either(before, ends, otherwise),
        }
    }

    /// Joins what comes after one of several branches. One that raises leaves nothing to be unsure of.
    fn either(&self, before: Option<Flow>, ends: Flow, body: &[PlStmt]) -> Flow {
        let raises = matches!(body.last(), Some(PlStmt::Raise { level: RaiseLevel::Exception, .. }))
            && ends == Flow::Ends;
        let ends = if raises { Flow::Goes } else { ends };
        match before {
            None if ends == Flow::Ends => Flow::May,
            None => ends,
            Some(before) if before == ends => ends,
            Some(_) => Flow::May,
        }
    }

    fn repeat(
        &mut self,
        label: Option<&String>,
        header: &LoopHeader,
        body: &[PlStmt],
        failed: &mut bool,
    ) -> Flow {
        let variables = self.ctx.variables.len();
        match header {
            LoopHeader::Forever | LoopHeader::Cursor(_) => {}
            LoopHeader::While(span) | LoopHeader::Array(span) => self.ignore(*span),
            LoopHeader::Range(spans) => spans.iter().for_each(|span| self.ignore(*span)),
            LoopHeader::Query(sql) => *failed |= self.sql(sql),
            LoopHeader::Execute(dynamic) => *failed |= self.dynamic(dynamic),
        }
        // The loop's variable needs no declaration; which name it is matters little here.
        let unsure = std::mem::replace(&mut self.unsure, true);
        self.ctx.variables.extend(loop_variables(self.body, header));
        self.ctx.variables.extend(label.cloned());
        let (flow, _) = self.statements(body);
        self.unsure = unsure;
        self.ctx.variables.truncate(variables);
        if flow == Flow::Goes { Flow::Goes } else { Flow::May }
    }

    pub(super) fn text(&self, span: Span) -> &'c str {
        self.body.get(span.range()).unwrap_or_default()
    }

    fn remember(&mut self, variable: &str, value: Option<bool>) {
        let _ = match value.filter(|_| !self.unsure) {
            Some(value) => self.known.insert(variable.to_owned(), value),
            None => self.known.remove(variable),
        };
    }

    fn ignore(&mut self, span: Span) {
        self.expression(span);
    }

    /// Analyses an expression; gives its truth where that is known.
    fn expression(&mut self, span: Span) -> Option<bool> {
        let text = self.text(span);
        let bare = text.trim().to_lowercase();
        if let Some(value) = self.known.get(bare.strip_prefix("not ").map_or(&*bare, str::trim)) {
            return Some(*value != bare.starts_with("not "));
        }
        let Ok(select) = parse_expression(text) else {
            self.ctx.opaque("an expression of the body cannot be read");
            return None;
        };
        // The tree's places count from the prefix.
        let place = span.start.checked_sub(EXPRESSION_PREFIX).map(|start| Span::new(start, span.end));
        let value = match select.target_list.as_slice() {
            [only] if select.from_clause.is_empty() => match only.node.as_ref() {
                Some(NodeEnum::ResTarget(target)) => target.val.clone(),
                _ => None,
            },
            _ => None,
        };
        let node = NodeEnum::SelectStmt(select);
        let sql = format!("{}{text}", " ".repeat(EXPRESSION_PREFIX));
        let mut truth = None;
        self.nested(place, sql, node, |nested, node| {
            if let Some(value) = &value {
                truth = nested.condition(value);
            }
            // PostgreSQL's own relations aside, what the condition reads has to be there.
            nested.nested_statement(node);
        });
        truth
    }

    /// Analyses a static statement; says whether it surely fails since what it makes is there.
    fn sql(&mut self, sql: &PlSql) -> bool {
        let node = match parse_sql_fragment(&sql.sql) {
            Ok(node) => node,
            Err(error) => {
                self.ctx.opaque(format!("a statement of the body cannot be read: {error}"));
                return false;
            }
        };
        let truth = match (&node, sql.into) {
            (NodeEnum::SelectStmt(select), Some(_)) => first_value(select).cloned(),
            _ => None,
        };
        let mut value = None;
        let failed = self.nested(Some(sql.span), sql.sql.clone(), node, |nested, node| {
            value = truth.as_ref().and_then(|truth| nested.condition(truth));
            nested.nested_statement(node);
        });
        if let Some(into) = sql.into {
            let text = self.text(into).to_lowercase();
            let target = text.trim_start_matches("into").trim().trim_start_matches("strict").trim();
            self.remember(target, value);
        }
        failed
    }

    /// Analyses a statement of a body in SQL.
    pub(super) fn late_statement(&mut self, node: NodeEnum) {
        self.nested(None, String::new(), node, |nested, node| nested.nested_statement(node));
    }

    fn dynamic(&mut self, dynamic: &Dynamic) -> bool {
        let Some(text) = &dynamic.literal else {
            self.expression(dynamic.expr);
            self.ctx.opaque("dynamic SQL");
            return false;
        };
        let file = SourceFile::new("", text);
        let script = parse(&file, Span::new(0, file.text.len()), &ParseOptions::default());
        let mut failed = false;
        for statement in script.statements {
            match statement.tree.node() {
                Some(node) => {
                    failed |= self.nested(None, String::new(), node, |nested, node| {
                        nested.nested_statement(node);
                    });
                }
                None => self.ctx.opaque("dynamic SQL that cannot be read"),
            }
        }
        failed
    }

    /// Analyses one statement on the catalog of this point and takes over what it found.
    fn nested(
        &mut self,
        place: Option<Span>,
        sql: String,
        node: NodeEnum,
        analyse: impl FnOnce(&mut Context<'_>, &NodeEnum),
    ) -> bool {
        let exact = place.zip(self.offset);
        let statement = Statement {
            span: exact.map_or(self.ctx.statement.span, |(span, offset)| span.shifted(offset)),
            // Without a text no place is found in it, and the outer statement's is taken.
            sql: if exact.is_some() { sql.into() } else { "".into() },
            offset: 0,
            tree: Tree::Opaque(String::new()),
            lenient: None,
            lenient_at: Vec::new(),
            digest: TokenDigest([0; 32]),
            comments: Vec::new(),
            copy_data: None,
        };
        let node = Arc::new(node);
        let analysis = {
            let session = self.session.as_ref().unwrap_or(self.ctx.session);
            let mut nested = Context::new(&statement, &self.catalog, session);
            nested.nested = true;
            // What could not be read before may have made what is not found now.
            let hidden = self.path_unknown || self.ctx.analysis.opaque.is_some();
            nested.tentative = self.unsure || self.late || hidden;
            nested.sets = !self.late;
            nested.runs = self.applies && !self.unsure;
            nested.variables.clone_from(&self.ctx.variables);
            nested.bodies = Rc::clone(&self.ctx.bodies);
            nested.slots = self.ctx.slots;
            analyse(&mut nested, &node);
            self.ctx.slots = nested.slots;
            self.path_unknown |= nested.path_unknown;
            if self.late {
                nested.depends.clear()
            }
            nested.analysis
        };
        self.take(analysis, &node)
    }
}

fn first_value(select: &protobuf::SelectStmt) -> Option<&protobuf::Node> {
    match select.target_list.as_slice() {
        [only] if select.from_clause.is_empty() => match only.node.as_ref()? {
            NodeEnum::ResTarget(target) => target.val.as_deref(),
            _ => None,
        },
        _ => None,
    }
}

/// The variable between FOR and IN.
fn loop_variables(body: &str, header: &LoopHeader) -> Vec<String> {
    let start = match header {
        LoopHeader::Range(spans) => spans.first().map(|span| span.start),
        LoopHeader::Query(sql) => Some(sql.span.start),
        LoopHeader::Cursor(span) | LoopHeader::Array(span) => Some(span.start),
        LoopHeader::Execute(dynamic) => Some(dynamic.expr.start),
        LoopHeader::Forever | LoopHeader::While(_) => None,
    };
    let before = start.and_then(|start| body.get(..start)).unwrap_or_default().to_lowercase();
    let words: Vec<&str> = before.split_whitespace().collect();
    let from =
        words.iter().rposition(|word| matches!(*word, "for" | "foreach")).map_or(words.len(), |at| at + 1);
    words[from..]
        .iter()
        .take_while(|word| !matches!(**word, "in" | "slice"))
        .flat_map(|word| word.split(','))
        .filter(|word| !word.is_empty())
        .map(|word| word.trim_matches('"').to_owned())
        .collect()
}
