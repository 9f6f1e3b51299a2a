//! Expressions: every column, function, type and constant in them, and their types as far as they are sure.

use super::context::strings;
use super::query::Resolver;
use super::{Access, Facet, Place, Verdict};
use crate::catalog::{ObjectRef, QName, TypeKind, TypeRef};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};

type Boxed = Option<Box<protobuf::Node>>;

impl Resolver<'_, '_> {
    /// Analyses an expression; gives its type as far as it is sure.
    pub(super) fn expr(&mut self, node: &protobuf::Node) -> TypeRef {
        node.node.as_ref().map_or_else(TypeRef::unknown, |node| self.expr_node(node))
    }

    pub(super) fn exprs(&mut self, nodes: &[protobuf::Node]) {
        for node in nodes {
            self.expr(node);
        }
    }

    pub(super) fn opt(&mut self, node: &Boxed) -> TypeRef {
        node.as_ref().map_or_else(TypeRef::unknown, |node| self.expr(node))
    }

    fn expr_node(&mut self, node: &NodeEnum) -> TypeRef {
        match node {
            NodeEnum::ColumnRef(column) => return self.column_ref(column),
            NodeEnum::AConst(constant) => return self.constant(constant),
            NodeEnum::TypeCast(cast) => return self.cast(cast),
            NodeEnum::FuncCall(call) => return self.call(call),
            NodeEnum::AExpr(expression) => return self.operator(expression),
            NodeEnum::SubLink(link) => return self.sublink(link),
            NodeEnum::BoolExpr(expression) => {
                self.exprs(&expression.args);
                return TypeRef::builtin("bool");
            }
            NodeEnum::NullTest(test) => {
                self.opt(&test.arg);
                return TypeRef::builtin("bool");
            }
            NodeEnum::BooleanTest(test) => {
                self.opt(&test.arg);
                return TypeRef::builtin("bool");
            }
            NodeEnum::CollateClause(collate) => return self.opt(&collate.arg),
            NodeEnum::CaseExpr(case) => return self.case(case),
            NodeEnum::CoalesceExpr(expression) => return self.alike(&expression.args),
            NodeEnum::MinMaxExpr(expression) => return self.alike(&expression.args),
            NodeEnum::SqlvalueFunction(function) => return value_function_type(function.op()),
            _ => self.container(node),
        }
        TypeRef::unknown()
    }

    /// Nodes that are only walked through.
    fn container(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::List(list) => self.exprs(&list.items),
            NodeEnum::AIndirection(indirection) => {
                self.opt(&indirection.arg);
                self.exprs(&indirection.indirection);
            }
            NodeEnum::AIndices(indices) => {
                self.opt(&indices.lidx);
                self.opt(&indices.uidx);
            }
            NodeEnum::AArrayExpr(array) => self.exprs(&array.elements),
            NodeEnum::RowExpr(row) => self.exprs(&row.args),
            NodeEnum::NamedArgExpr(argument) => drop(self.opt(&argument.arg)),
            NodeEnum::GroupingFunc(function) => self.exprs(&function.args),
            NodeEnum::GroupingSet(set) => self.exprs(&set.content),
            NodeEnum::ResTarget(target) => drop(self.opt(&target.val)),
            NodeEnum::MultiAssignRef(reference) => drop(self.opt(&reference.source)),
            NodeEnum::SortBy(sort) => drop(self.opt(&sort.node)),
            NodeEnum::WindowDef(window) => self.window(window),
            NodeEnum::XmlExpr(xml) => {
                self.exprs(&xml.named_args);
                self.exprs(&xml.args);
            }
            NodeEnum::XmlSerialize(xml) => {
                self.opt(&xml.expr);
                if let Some(ty) = &xml.type_name {
                    self.ctx.need_type(ty);
                }
            }
            NodeEnum::ParamRef(_)
            | NodeEnum::SetToDefault(_)
            | NodeEnum::CurrentOfExpr(_)
            | NodeEnum::MergeSupportFunc(_)
            | NodeEnum::String(_)
            | NodeEnum::AStar(_) => {}
            _ => self.json(node),
        }
    }

    fn json(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::JsonValueExpr(value) => self.json_value(value),
            NodeEnum::JsonKeyValue(pair) => self.json_pair(pair),
            NodeEnum::JsonArgument(argument) => self.json_opt(&argument.val),
            NodeEnum::JsonObjectConstructor(object) => self.exprs(&object.exprs),
            NodeEnum::JsonArrayConstructor(array) => self.exprs(&array.exprs),
            NodeEnum::JsonArrayQueryConstructor(array) => drop(self.opt(&array.query)),
            NodeEnum::JsonObjectAgg(aggregate) => {
                if let Some(pair) = &aggregate.arg {
                    self.json_pair(pair);
                }
                self.json_aggregate(aggregate.constructor.as_deref());
            }
            NodeEnum::JsonArrayAgg(aggregate) => {
                self.json_opt(&aggregate.arg);
                self.json_aggregate(aggregate.constructor.as_deref());
            }
            NodeEnum::JsonFuncExpr(function) => {
                self.json_opt(&function.context_item);
                self.opt(&function.pathspec);
                self.exprs(&function.passing);
            }
            NodeEnum::JsonIsPredicate(predicate) => drop(self.opt(&predicate.expr)),
            NodeEnum::JsonParseExpr(parse) => self.json_opt(&parse.expr),
            NodeEnum::JsonScalarExpr(scalar) => drop(self.opt(&scalar.expr)),
            NodeEnum::JsonSerializeExpr(serialize) => self.json_opt(&serialize.expr),
            NodeEnum::SelectStmt(select) => drop(self.select(select)),
            // What is not known here may read anything.
            _ => self.ctx.touch(Place::Everything, Access::Read),
        }
    }

    pub(super) fn json_value(&mut self, value: &protobuf::JsonValueExpr) {
        self.opt(&value.raw_expr);
        self.opt(&value.formatted_expr);
    }

    fn json_opt(&mut self, value: &Option<Box<protobuf::JsonValueExpr>>) {
        if let Some(value) = value {
            self.json_value(value);
        }
    }

    fn json_pair(&mut self, pair: &protobuf::JsonKeyValue) {
        self.opt(&pair.key);
        self.json_opt(&pair.value);
    }

    fn json_aggregate(&mut self, constructor: Option<&protobuf::JsonAggConstructor>) {
        let Some(constructor) = constructor else { return };
        self.opt(&constructor.agg_filter);
        self.exprs(&constructor.agg_order);
        if let Some(window) = &constructor.over {
            self.window(window);
        }
    }

    pub(super) fn window(&mut self, window: &protobuf::WindowDef) {
        self.exprs(&window.partition_clause);
        self.exprs(&window.order_clause);
        self.opt(&window.start_offset);
        self.opt(&window.end_offset);
    }

    fn case(&mut self, case: &protobuf::CaseExpr) -> TypeRef {
        self.opt(&case.arg);
        let mut types = Vec::new();
        for node in &case.args {
            if let Some(NodeEnum::CaseWhen(when)) = node.node.as_ref() {
                self.opt(&when.expr);
                types.push(self.opt(&when.result));
            }
        }
        if case.defresult.is_some() {
            types.push(self.opt(&case.defresult));
        }
        common_type(types)
    }

    fn alike(&mut self, args: &[protobuf::Node]) -> TypeRef {
        let types = args.iter().map(|arg| self.expr(arg)).collect();
        common_type(types)
    }

    fn column_ref(&mut self, column: &protobuf::ColumnRef) -> TypeRef {
        let span = self.ctx.span(column.location);
        let star =
            matches!(column.fields.last().and_then(|last| last.node.as_ref()), Some(NodeEnum::AStar(_)));
        let parts = strings(&column.fields);
        match (parts.as_slice(), star) {
            ([alias], true) => match self.find_alias(alias) {
                Some(at) => self.use_row(at),
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
        TypeRef::unknown()
    }

    fn constant(&mut self, constant: &protobuf::AConst) -> TypeRef {
        use protobuf::a_const::Val;
        match &constant.val {
            Some(Val::Ival(_)) => TypeRef::builtin("int4"),
            Some(Val::Boolval(_)) => TypeRef::builtin("bool"),
            Some(Val::Fval(value)) if value.fval.parse::<i64>().is_ok() => TypeRef::builtin("int8"),
            Some(Val::Fval(value)) if !value.fval.starts_with("0x") => TypeRef::builtin("numeric"),
            Some(Val::Sval(text)) => {
                self.ctx.analysis.constants.push(text.sval.clone());
                TypeRef::unknown()
            }
            _ => TypeRef::unknown(),
        }
    }

    fn cast(&mut self, cast: &protobuf::TypeCast) -> TypeRef {
        self.opt(&cast.arg);
        let Some(type_name) = &cast.type_name else { return TypeRef::unknown() };
        let ty = self.ctx.need_type(type_name);
        let Some(text) = cast.arg.as_deref().and_then(string_constant) else { return ty };
        let span = self.ctx.span(cast.location);
        match (ty.schema.as_str(), ty.name.as_str()) {
            _ if ty.array => {}
            ("pg_catalog", "regclass") => self.ctx.need_named_relation(text, "table", span),
            ("pg_catalog", "regtype") => self.ctx.need_named_type(text, span),
            ("pg_catalog", "regproc") => {
                if let Some(name) = super::query_name::parse_name(text) {
                    self.ctx.need_function(&name, None, span);
                }
            }
            ("pg_catalog", "regnamespace") => {
                if let Some(name) = super::query_name::parse_name(text) {
                    self.ctx.need_schema(&name.name, span);
                }
            }
            _ => self.enum_label(&ty, text, span),
        }
        ty
    }

    /// Requires a label where a string constant becomes a value of an enum type.
    pub(super) fn enum_label(&mut self, ty: &TypeRef, label: &str, span: crate::source::Span) {
        if ty.array {
            return;
        }
        let Some(id) = ty.id else { return };
        let Some(found) = self.ctx.catalog.type_by_id(id) else { return };
        let TypeKind::Enum(labels) = &found.kind else { return };
        let there = labels.iter().any(|known| known.label == label);
        let verdict = if there { Verdict::Valid } else { Verdict::Invalid };
        let near = match verdict {
            Verdict::Valid => Vec::new(),
            _ => crate::diagnostic::near_names(label, labels.iter().map(|known| known.label.as_str()))
                .into_iter()
                .map(str::to_owned)
                .collect(),
        };
        let name = self.ctx.catalog.type_name(id);
        let object = ObjectRef::EnumLabel { name: name.clone(), label: label.to_owned() };
        self.ctx.touch(Place::Object(object.clone()), Access::Read);
        let message = format!("enum `{name}` has no label `{label}`");
        self.ctx.require(vec![Facet::Exists(object)], span, verdict, Code::DN205, message, near);
    }

    /// Requires labels for constants that are compared with a value of an enum type.
    fn compared(&mut self, ty: &TypeRef, other: &Boxed) {
        // An operator of the user's own may take the constant as text.
        if ty.id.is_none() || self.ctx.catalog.others_of("operator").next().is_some() {
            return;
        }
        let Some(node) = other.as_ref().and_then(|node| node.node.as_ref()) else { return };
        let items = match node {
            NodeEnum::List(list) => list.items.iter().collect(),
            _ => other.iter().map(|node| &**node).collect::<Vec<_>>(),
        };
        for item in items {
            if let (Some(text), Some(location)) = (string_constant(item), location_of(item)) {
                let span = self.ctx.span(location);
                self.enum_label(ty, text, span);
            }
        }
    }

    fn operator(&mut self, expression: &protobuf::AExpr) -> TypeRef {
        use protobuf::AExprKind as Kind;
        let left = self.opt(&expression.lexpr);
        let right = self.opt(&expression.rexpr);
        let operator = strings(&expression.name);
        let comparison =
            operator.len() == 1 && matches!(operator[0].as_str(), "=" | "<>" | "<" | ">" | "<=" | ">=");
        match expression.kind() {
            Kind::AexprOp | Kind::AexprDistinct | Kind::AexprNotDistinct | Kind::AexprIn if comparison => {
                self.compared(&left, &expression.rexpr);
                self.compared(&right, &expression.lexpr);
                TypeRef::builtin("bool")
            }
            Kind::AexprOp => TypeRef::unknown(),
            Kind::AexprNullif => left,
            _ => TypeRef::builtin("bool"),
        }
    }

    fn sublink(&mut self, link: &protobuf::SubLink) -> TypeRef {
        let left = self.opt(&link.testexpr);
        let Some(NodeEnum::SelectStmt(select)) = link.subselect.as_ref().and_then(|node| node.node.as_ref())
        else {
            return TypeRef::unknown();
        };
        let top_level = std::mem::take(&mut self.top_level);
        let result = self.select(select);
        self.top_level = top_level;
        drop(left);
        match link.sub_link_type() {
            protobuf::SubLinkType::ExprSublink => {
                let first = result.columns.and_then(|columns| columns.into_iter().next());
                first.map_or_else(TypeRef::unknown, |column| column.ty)
            }
            protobuf::SubLinkType::ArraySublink | protobuf::SubLinkType::MultiexprSublink => {
                TypeRef::unknown()
            }
            _ => TypeRef::builtin("bool"),
        }
    }

    /// ORDER BY.
    pub(super) fn sort(&mut self, list: &[protobuf::Node], output: Option<&[super::query::OutputColumn]>) {
        for node in list {
            if let Some(NodeEnum::SortBy(sort)) = node.node.as_ref()
                && let Some(node) = &sort.node
            {
                self.output_or_input(node, output);
            }
        }
    }

    /// An item of ORDER BY or DISTINCT ON: a bare name is first looked for among the output's names.
    pub(super) fn output_or_input(
        &mut self,
        node: &protobuf::Node,
        output: Option<&[super::query::OutputColumn]>,
    ) {
        match (bare_name(node), output) {
            (Some(name), Some(columns)) if columns.iter().any(|column| column.name == name) => {}
            // The output may have the name.
            (Some(name), None) if !self.is_own_column(&name) => {}
            _ => drop(self.expr(node)),
        }
    }

    /// An item of GROUP BY: a bare name is first looked for among the input's columns.
    pub(super) fn group_item(
        &mut self,
        node: &protobuf::Node,
        output: Option<&[super::query::OutputColumn]>,
    ) {
        match bare_name(node) {
            Some(name) if !self.is_own_column(&name) => self.output_or_input(node, output),
            _ => {
                if let Some(NodeEnum::GroupingSet(set)) = node.node.as_ref() {
                    for item in &set.content {
                        self.group_item(item, output);
                    }
                } else {
                    self.expr(node);
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

/// The type of CASE, COALESCE and their like, where all branches agree.
fn common_type(types: Vec<TypeRef>) -> TypeRef {
    let mut types = types.into_iter();
    let Some(first) = types.next() else { return TypeRef::unknown() };
    if types.all(|ty| ty == first) { first } else { TypeRef::unknown() }
}

fn value_function_type(op: protobuf::SqlValueFunctionOp) -> TypeRef {
    use protobuf::SqlValueFunctionOp as Op;
    match op {
        Op::SvfopCurrentDate => TypeRef::builtin("date"),
        Op::SvfopCurrentTimestamp => TypeRef::builtin("timestamptz"),
        Op::SvfopLocaltimestamp => TypeRef::builtin("timestamp"),
        Op::SvfopCurrentRole | Op::SvfopCurrentUser | Op::SvfopUser | Op::SvfopSessionUser => {
            TypeRef::builtin("name")
        }
        _ => TypeRef::unknown(),
    }
}
