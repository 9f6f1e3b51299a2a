//! Expressions: every column, function, type and constant in them, and their types as far as they are sure.

use super::context::strings;
use super::query::{OutputColumn, Resolver};
use super::typing::{Collation, Ty, Typed};
use crate::catalog::{Dependency, QName};
use crate::syntax::{NodeEnum, protobuf};

pub(super) type Boxed = Option<Box<protobuf::Node>>;

impl Resolver<'_, '_> {
    /// Analyses an expression; gives its type as far as it is sure.
    pub(super) fn expr(&mut self, node: &protobuf::Node) -> Typed {
        node.node.as_ref().map_or_else(Typed::unsure, |node| self.expr_node(node))
    }

    pub(super) fn exprs(&mut self, nodes: &[protobuf::Node]) {
        for node in nodes {
            self.expr(node);
        }
    }

    pub(super) fn opt(&mut self, node: &Boxed) -> Typed {
        node.as_ref().map_or_else(Typed::unsure, |node| self.expr(node))
    }

    fn expr_node(&mut self, node: &NodeEnum) -> Typed {
        match node {
            NodeEnum::ColumnRef(column) => self.column_ref(column),
            NodeEnum::AConst(constant) => self.constant(constant),
            NodeEnum::TypeCast(cast) => self.cast(cast),
            NodeEnum::FuncCall(call) => self.call(call),
            NodeEnum::AExpr(expression) => self.operator(expression),
            NodeEnum::SubLink(link) => self.sublink(link),
            NodeEnum::BoolExpr(expression) => {
                self.branches += 1;
                self.exprs(&expression.args);
                self.branches -= 1;
                Typed::named("bool")
            }
            NodeEnum::NullTest(test) => {
                self.opt(&test.arg);
                Typed::named("bool")
            }
            NodeEnum::BooleanTest(test) => {
                self.opt(&test.arg);
                Typed::named("bool")
            }
            NodeEnum::CollateClause(collate) => self.collate(collate),
            NodeEnum::CaseExpr(case) => self.case(case),
            NodeEnum::CoalesceExpr(expression) => {
                self.branches += 1;
                let typed = self.alike(&expression.args);
                self.branches -= 1;
                typed
            }
            NodeEnum::MinMaxExpr(expression) => {
                let typed = self.alike(&expression.args);
                self.need_comparison(&typed, expression.location);
                typed
            }
            NodeEnum::SqlvalueFunction(function) => value_function_type(function.op(), function.typmod),
            NodeEnum::AIndirection(indirection) => self.indirection(indirection),
            NodeEnum::AArrayExpr(array) => self.array(array),
            NodeEnum::RowExpr(row) => self.row(row),
            NodeEnum::NamedArgExpr(argument) => self.opt(&argument.arg),
            NodeEnum::SortBy(sort) => self.opt(&sort.node),
            NodeEnum::GroupingFunc(function) => {
                self.exprs(&function.args);
                Typed::named("int4")
            }
            NodeEnum::XmlExpr(xml) => self.xml(xml),
            NodeEnum::XmlSerialize(xml) => {
                self.opt(&xml.expr);
                xml.type_name.as_ref().map_or_else(Typed::unsure, |ty| self.written_type(ty))
            }
            NodeEnum::MergeSupportFunc(_) => Typed::named("text"),
            NodeEnum::CurrentOfExpr(_) => Typed::named("bool"),
            _ => self.container(node),
        }
    }

    /// Nodes that are no values themselves.
    fn container(&mut self, node: &NodeEnum) -> Typed {
        match node {
            NodeEnum::List(list) => self.exprs(&list.items),
            NodeEnum::AIndices(indices) => {
                self.opt(&indices.lidx);
                self.opt(&indices.uidx);
            }
            NodeEnum::GroupingSet(set) => self.exprs(&set.content),
            NodeEnum::ResTarget(target) => drop(self.opt(&target.val)),
            NodeEnum::MultiAssignRef(reference) => drop(self.opt(&reference.source)),
            NodeEnum::WindowDef(window) => self.window(window),
            NodeEnum::ParamRef(parameter) => return self.parameter(parameter.number),
            NodeEnum::SetToDefault(_) | NodeEnum::String(_) | NodeEnum::AStar(_) => {}
            _ => return self.json(node),
        }
        Typed::unsure()
    }

    /// A type that is written in an expression.
    pub(super) fn written_type(&mut self, node: &protobuf::TypeName) -> Typed {
        Typed::from_ref(&self.ctx.need_type(node))
    }

    fn collate(&mut self, collate: &protobuf::CollateClause) -> Typed {
        let inner = self.opt(&collate.arg).resolved();
        let name = self.ctx.collation(&collate.collname);
        Typed { collation: Collation::explicit(&name), ..inner }
    }

    fn xml(&mut self, xml: &protobuf::XmlExpr) -> Typed {
        self.exprs(&xml.named_args);
        self.exprs(&xml.args);
        match xml.op() {
            protobuf::XmlExprOp::IsDocument => Typed::named("bool"),
            _ => Typed::named("xml"),
        }
    }

    /// `ARRAY[…]`.
    fn array(&mut self, array: &protobuf::AArrayExpr) -> Typed {
        let all: Vec<Typed> = array.elements.iter().map(|element| self.expr(element)).collect();
        let types = self.ctx.types();
        let common = types.common_of(&all);
        let nested = array.elements.iter().any(|node| matches!(node.node, Some(NodeEnum::AArrayExpr(_))))
            || all.iter().any(|element| types.element(element.ty).is_some());
        let ty = if nested { common.ty } else { types.array(common.ty) };
        Typed { ty, fields: None, ..common }
    }

    fn row(&mut self, row: &protobuf::RowExpr) -> Typed {
        let star = |node: &protobuf::Node| match node.node.as_ref() {
            Some(NodeEnum::ColumnRef(column)) => {
                matches!(column.fields.last().and_then(|last| last.node.as_ref()), Some(NodeEnum::AStar(_)))
            }
            _ => false,
        };
        // In a row, `t.*` is each of its columns.
        for arg in row.args.iter().filter(|arg| star(arg)) {
            if let Some(NodeEnum::ColumnRef(column)) = arg.node.as_ref()
                && let Some(at) = strings(&column.fields).last().and_then(|alias| self.find_alias(alias))
            {
                self.use_row(at);
            }
        }
        let all = row.args.iter().map(|arg| self.expr(arg)).collect::<Vec<Typed>>();
        let named =
            |(at, ty): (usize, Typed)| OutputColumn { name: format!("f{}", at + 1), ty: ty.resolved() };
        let fields =
            (!row.args.iter().any(star)).then(|| all.into_iter().enumerate().map(named).collect::<Vec<_>>());
        Typed { fields, ..Typed::named("record") }
    }

    /// Subscripts and fields, one after the other.
    pub(super) fn indirection(&mut self, indirection: &protobuf::AIndirection) -> Typed {
        let mut value = self.opt(&indirection.arg);
        let mut subscripted = false;
        for node in &indirection.indirection {
            value = match node.node.as_ref() {
                Some(NodeEnum::AIndices(indices)) => {
                    self.opt(&indices.lidx);
                    self.opt(&indices.uidx);
                    // Each further subscript goes deeper into the same array.
                    if std::mem::replace(&mut subscripted, true) && !indices.is_slice {
                        continue;
                    }
                    self.subscripted(value, indices.is_slice)
                }
                Some(NodeEnum::String(field)) => {
                    subscripted = false;
                    self.need_field(&value, &field.sval);
                    self.field(&value, &field.sval)
                }
                _ => Typed::unsure(),
            };
        }
        // Whether there is a slice among several subscripts decides for all of them.
        let slices = |node: &protobuf::Node| matches!(&node.node, Some(NodeEnum::AIndices(indices)) if indices.is_slice);
        let plain = |node: &protobuf::Node| matches!(&node.node, Some(NodeEnum::AIndices(indices)) if !indices.is_slice);
        if indirection.indirection.iter().any(slices) && indirection.indirection.iter().any(plain) {
            return Typed::unsure();
        }
        value
    }

    fn subscripted(&self, value: Typed, slice: bool) -> Typed {
        let types = self.ctx.types();
        let base = types.base(value.ty);
        if base.is("jsonb") {
            return Typed::named("jsonb");
        }
        let element = types.element(base).or_else(|| types.subscript(base));
        match element {
            Some(_) if slice => Typed { ty: base, ..value },
            Some(element) => {
                let collation = Collation::merged(element, std::iter::once(&value.collation));
                Typed { ty: element, collation, ..value }
            }
            None => Typed::unsure(),
        }
    }

    /// Requires a field of a value whose fields are all known; `(row).name` may be a function's name, too.
    fn need_field(&mut self, value: &Typed, name: &str) {
        let types = self.ctx.types();
        if let Some(id) = types.row(value.ty)
            && let Some(column) = self.ctx.catalog.relation(id).and_then(|relation| relation.column(name))
        {
            self.ctx.depends.push(Dependency { on: id, column: Some(column.number) });
            return;
        }
        let callable = crate::catalog::Name { schema: None, name: name.to_owned() };
        if types.has_own_function(&callable)
            || crate::catalog::builtin::is_function(name)
            || !self.ctx.is_complete()
        {
            return;
        }
        let relation = types.row(value.ty);
        let lacks = match (&value.fields, relation.and_then(|id| self.ctx.catalog.relation(id))) {
            (Some(fields), _) => fields.iter().all(|field| field.name != name),
            (None, Some(relation)) => relation.columns_known && relation.column(name).is_none(),
            (None, None) => false,
        };
        if lacks && self.ctx.variables.is_empty() {
            let facet = relation.map(|id| {
                super::Facet::Exists(crate::catalog::ObjectRef::column(
                    &self.ctx.catalog.relation_name(id),
                    name,
                ))
            });
            let message = format!("the row has no column `{name}`");
            let (span, code) = (self.ctx.statement.span, crate::diagnostic::Code::DN203);
            let any_of = facet.into_iter().collect();
            self.ctx.require(any_of, span, super::Verdict::Invalid, code, message, Vec::new());
        }
    }

    /// A field of a composite value.
    pub(super) fn field(&self, value: &Typed, name: &str) -> Typed {
        if let Some(fields) = &value.fields {
            let mut found = fields.iter().filter(|field| field.name == name);
            return match (found.next(), found.next()) {
                (Some(field), None) => field.ty.clone(),
                _ => Typed::unsure(),
            };
        }
        let relation = self.ctx.types().row(value.ty).and_then(|id| self.ctx.catalog.relation(id));
        let column = relation.and_then(|relation| relation.column(name));
        column.map_or_else(Typed::unsure, super::query::column_type)
    }

    pub(super) fn window(&mut self, window: &protobuf::WindowDef) {
        self.exprs(&window.partition_clause);
        self.exprs(&window.order_clause);
        self.opt(&window.start_offset);
        self.opt(&window.end_offset);
    }

    fn case(&mut self, case: &protobuf::CaseExpr) -> Typed {
        self.opt(&case.arg);
        self.branches += 1;
        let mut results = Vec::new();
        for node in &case.args {
            if let Some(NodeEnum::CaseWhen(when)) = node.node.as_ref() {
                self.opt(&when.expr);
                results.push(self.opt(&when.result));
            }
        }
        // The server looks at ELSE first, and takes NULL for one that is not there.
        let other = match &case.defresult {
            Some(other) => self.expr(other),
            None => Typed::of(Ty::literal()),
        };
        self.branches -= 1;
        results.insert(0, other);
        self.ctx.types().common_of(&results)
    }

    fn alike(&mut self, args: &[protobuf::Node]) -> Typed {
        let all: Vec<Typed> = args.iter().map(|arg| self.expr(arg)).collect();
        self.ctx.types().common_of(&all)
    }

    fn column_ref(&mut self, column: &protobuf::ColumnRef) -> Typed {
        let span = self.ctx.span(column.location);
        let star =
            matches!(column.fields.last().and_then(|last| last.node.as_ref()), Some(NodeEnum::AStar(_)));
        let parts = strings(&column.fields);
        match (parts.as_slice(), star) {
            ([alias], true) => match self.find_alias(alias) {
                Some(at) => {
                    self.use_whole(at);
                    return self.row_type(at);
                }
                None => self.no_source(alias, span),
            },
            ([name], false) => return self.unqualified(name, span),
            ([qualifier, name], false) => return self.qualified(qualifier, name, span),
            ([schema, table, name], false) => {
                let table = QName::new(schema.as_str(), table.as_str());
                return self.fully_qualified(&table, name, span);
            }
            _ => {}
        }
        Typed::unsure()
    }

    fn constant(&mut self, constant: &protobuf::AConst) -> Typed {
        use protobuf::a_const::Val;
        match &constant.val {
            Some(Val::Ival(_)) => Typed::named("int4"),
            Some(Val::Boolval(_)) => Typed::named("bool"),
            Some(Val::Fval(value)) => Typed::named(number_type(&value.fval)),
            Some(Val::Bsval(_)) => Typed::named("bit"),
            Some(Val::Sval(text)) => {
                self.ctx.analysis.constants.push(text.sval.clone());
                Typed::of(Ty::literal())
            }
            None => Typed::of(Ty::literal()),
        }
    }

    fn cast(&mut self, cast: &protobuf::TypeCast) -> Typed {
        let inner = self.opt(&cast.arg);
        let Some(type_name) = &cast.type_name else { return Typed::unsure() };
        let ty = self.ctx.need_type(type_name);
        let typed = Typed::from_ref(&ty);
        let collation = Collation::merged(typed.ty, std::iter::once(&inner.collation));
        let typed = Typed { collation, ..typed };
        let Some(text) = cast.arg.as_deref().and_then(string_constant) else { return typed };
        let span = self.ctx.span(cast.location);
        self.literal(typed.ty, text, span);
        typed
    }

    fn sublink(&mut self, link: &protobuf::SubLink) -> Typed {
        let tested = link.testexpr.as_ref().map(|node| self.expr(node));
        let Some(NodeEnum::SelectStmt(select)) = link.subselect.as_ref().and_then(|node| node.node.as_ref())
        else {
            return Typed::unsure();
        };
        let top_level = std::mem::take(&mut self.top_level);
        let result = self.select(select).resolved();
        self.top_level = top_level;
        let first =
            || result.columns.as_ref().and_then(|columns| columns.first()).map(|column| column.ty.clone());
        match link.sub_link_type() {
            protobuf::SubLinkType::ExprSublink => first().unwrap_or_default(),
            protobuf::SubLinkType::ArraySublink => {
                let element = first().unwrap_or_default();
                // Of arrays it makes an array of more dimensions.
                let types = self.ctx.types();
                let nested = types.element(element.ty).is_some();
                let ty = if nested { element.ty } else { types.array(element.ty) };
                Typed { ty, fields: None, ..element }
            }
            protobuf::SubLinkType::MultiexprSublink => Typed::unsure(),
            protobuf::SubLinkType::AnySublink | protobuf::SubLinkType::AllSublink => {
                let operator = strings(&link.oper_name);
                let name = operator.first().map_or("=", String::as_str);
                if let (Some(tested), Some([only]), 0 | 1) =
                    (tested, result.columns.as_deref(), operator.len())
                {
                    self.need_operator(link.location, name, &tested, &only.ty);
                }
                Typed::named("bool")
            }
            _ => Typed::named("bool"),
        }
    }

    /// ORDER BY.
    pub(super) fn sort(&mut self, list: &[protobuf::Node], output: Option<&[super::query::OutputColumn]>) {
        for node in list {
            if let Some(NodeEnum::SortBy(sort)) = node.node.as_ref()
                && let Some(node) = &sort.node
            {
                let typed = self.output_or_input(node, output);
                if sort.use_op.is_empty() {
                    self.need_comparison(&typed, sort.location);
                }
            }
        }
    }

    /// A whole number in ORDER BY, GROUP BY or DISTINCT ON is the place of an output column.
    fn output_position(&mut self, node: &protobuf::Node, output: Option<&[OutputColumn]>) -> Option<Typed> {
        let (Some(NodeEnum::AConst(constant)), Some(output)) = (node.node.as_ref(), output) else {
            return None;
        };
        let Some(protobuf::a_const::Val::Ival(position)) = &constant.val else { return None };
        let at = usize::try_from(position.ival).ok()?.checked_sub(1)?;
        if let Some(column) = output.get(at) {
            return Some(column.ty.clone());
        }
        let message = format!("there is no output column {}", position.ival);
        let span = self.ctx.span(constant.location);
        self.ctx.refuse(crate::diagnostic::Code::DN216, span, message);
        Some(Typed::unsure())
    }

    /// An item of ORDER BY or DISTINCT ON: a bare name is first looked for among the output's names.
    pub(super) fn output_or_input(
        &mut self,
        node: &protobuf::Node,
        output: Option<&[super::query::OutputColumn]>,
    ) -> Typed {
        if let Some(column) = self.output_position(node, output) {
            return column;
        }
        let named = |name: &String, columns: &[OutputColumn]| {
            columns.iter().find(|column| column.name == *name).map(|column| column.ty.clone())
        };
        match (bare_name(node), output) {
            (Some(name), Some(columns)) => match named(&name, columns) {
                Some(typed) => typed,
                None => self.expr(node),
            },
            // The output may have the name.
            (Some(name), None) if !self.is_own_column(&name) => Typed::unsure(),
            _ => self.expr(node),
        }
    }

    /// An item of GROUP BY: a bare name is first looked for among the input's columns.
    pub(super) fn group_item(
        &mut self,
        node: &protobuf::Node,
        output: Option<&[super::query::OutputColumn]>,
    ) {
        match bare_name(node) {
            Some(name) if !self.is_own_column(&name) => {
                let typed = self.output_or_input(node, output);
                self.need_equality(&typed, -1);
            }
            _ => {
                if let Some(NodeEnum::GroupingSet(set)) = node.node.as_ref() {
                    for item in &set.content {
                        self.group_item(item, output);
                    }
                } else {
                    let typed = match self.output_position(node, output) {
                        Some(column) => column,
                        None => self.expr(node),
                    };
                    self.need_equality(&typed, -1);
                }
            }
        }
    }
}

fn bare_name(node: &protobuf::Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) if column.fields.len() == 1 => strings(&column.fields).pop(),
        _ => None,
    }
}

/// The text of a string constant.
pub(super) fn string_constant(node: &protobuf::Node) -> Option<&str> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            protobuf::a_const::Val::Sval(text) => Some(&text.sval),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an expression is a constant, with or without a cast; NULL is one.
pub(super) fn is_constant(node: &protobuf::Node) -> bool {
    match node.node.as_ref() {
        Some(NodeEnum::AConst(_)) => true,
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(is_constant),
        Some(NodeEnum::AExpr(expression)) => {
            // A negative number.
            expression.lexpr.is_none()
                && strings(&expression.name) == ["-"]
                && expression.rexpr.as_deref().is_some_and(is_constant)
        }
        _ => false,
    }
}

/// Whether an expression is the constant NULL.
pub(super) fn is_null(node: &protobuf::Node) -> bool {
    match node.node.as_ref() {
        Some(NodeEnum::AConst(constant)) => constant.isnull,
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(is_null),
        _ => false,
    }
}

pub(super) fn location_of(node: &protobuf::Node) -> Option<i32> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => Some(constant.location),
        NodeEnum::TypeCast(cast) => cast.arg.as_deref().and_then(location_of).or(Some(cast.location)),
        _ => None,
    }
}

/// The type of a number that does not fit an `int4`.
fn number_type(text: &str) -> &'static str {
    let digits: String = text.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase();
    let parsed = match digits.get(..2) {
        Some("0x") => i64::from_str_radix(&digits[2..], 16),
        Some("0o") => i64::from_str_radix(&digits[2..], 8),
        Some("0b") => i64::from_str_radix(&digits[2..], 2),
        _ => digits.parse::<i64>(),
    };
    match parsed {
        // The smallest one is larger than an int4 before its sign is put to it.
        Ok(number) if i32::try_from(number).is_ok() => "int4",
        Ok(_) => "int8",
        Err(_) => "numeric",
    }
}

fn value_function_type(op: protobuf::SqlValueFunctionOp, precision: i32) -> Typed {
    use protobuf::SqlValueFunctionOp as Op;
    let name = match op {
        Op::SvfopCurrentDate => "date",
        Op::SvfopCurrentTime | Op::SvfopCurrentTimeN => "timetz",
        Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN => "timestamptz",
        Op::SvfopLocaltime | Op::SvfopLocaltimeN => "time",
        Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN => "timestamp",
        Op::SvfopCurrentRole
        | Op::SvfopCurrentUser
        | Op::SvfopUser
        | Op::SvfopSessionUser
        | Op::SvfopCurrentCatalog
        | Op::SvfopCurrentSchema => "name",
        Op::SqlvalueFunctionOpUndefined => return Typed::unsure(),
    };
    let has_precision = matches!(
        op,
        Op::SvfopCurrentTimeN | Op::SvfopCurrentTimestampN | Op::SvfopLocaltimeN | Op::SvfopLocaltimestampN
    );
    Typed { modifiers: has_precision.then(|| precision.min(6).to_string()), ..Typed::named(name) }
}
