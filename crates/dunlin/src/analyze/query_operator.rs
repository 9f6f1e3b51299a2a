//! Operators in expressions, and the labels of enums that are compared with them.

use super::context::strings;
use super::query::Resolver;
use super::query_expr::{Boxed, location_of, string_constant};
use super::typing::{Collation, Resolved, Ty, Typed};
use super::{Access, Facet, Place, Verdict};
use crate::catalog::{Dependency, Id, ObjectRef, TypeKind};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};

impl Resolver<'_, '_> {
    /// Requires a label of an enum type.
    pub(super) fn label(&mut self, id: Id, label: &str, span: crate::source::Span) {
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
    fn compared(&mut self, typed: &Typed, other: &Boxed) {
        // An operator of the user's own may take the constant as text.
        let Ty::Own(id) = typed.ty else { return };
        if self.ctx.catalog.others_of("operator").next().is_some() {
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
                self.label(id, text, span);
            }
        }
    }

    /// Operators, and what is written like them: LIKE, IN, BETWEEN, NULLIF, IS DISTINCT FROM.
    pub(super) fn operator(&mut self, expression: &protobuf::AExpr) -> Typed {
        use protobuf::AExprKind as Kind;
        let left = expression.lexpr.as_ref().map(|node| self.expr(node));
        let operator = strings(&expression.name);
        let kind = expression.kind();
        // Lists are no values: each of their items is compared.
        let list = match expression.rexpr.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::List(list)) => Some(&list.items),
            _ => None,
        };
        if let (Some(list), Some(left)) = (list, &left) {
            if kind == Kind::AexprIn {
                self.compared(left, &expression.rexpr);
            }
            let items: Vec<Typed> = list.iter().map(|item| self.expr(item)).collect();
            self.need_list_operators(expression, left, &items);
            return Typed::named("bool");
        }
        let right = self.opt(&expression.rexpr);
        let comparison =
            operator.len() == 1 && matches!(operator[0].as_str(), "=" | "<>" | "<" | ">" | "<=" | ">=");
        if comparison && matches!(kind, Kind::AexprOp | Kind::AexprDistinct | Kind::AexprNotDistinct) {
            if let Some(left) = &left {
                self.compared(left, &expression.rexpr);
            }
            self.compared(&right, &expression.lexpr);
        }
        match kind {
            Kind::AexprOp => self.plain_operator(expression, &operator, left, right),
            Kind::AexprNullif => {
                let left = left.unwrap_or_default();
                self.need_operator(expression.location, "=", &left, &right);
                self.nullif(left, &right)
            }
            kind => {
                if let (Some(left), [name]) = (&left, operator.as_slice()) {
                    self.need_operators(expression, kind, name, left, &right);
                }
                Typed::named("bool")
            }
        }
    }

    /// The operators behind what is written in words.
    fn need_operators(
        &mut self,
        expression: &protobuf::AExpr,
        kind: protobuf::AExprKind,
        name: &str,
        left: &Typed,
        right: &Typed,
    ) {
        use protobuf::AExprKind as Kind;
        let at = expression.location;
        match kind {
            Kind::AexprDistinct | Kind::AexprNotDistinct => self.need_operator(at, "=", left, right),
            Kind::AexprLike | Kind::AexprIlike | Kind::AexprSimilar => {
                self.need_operator(at, name, left, right);
            }
            Kind::AexprOpAny | Kind::AexprOpAll => {
                let types = self.ctx.types();
                if let Some(element) = types.element(types.base(right.ty)) {
                    self.need_operator(at, name, left, &Typed::of(element));
                }
            }
            _ => {}
        }
    }

    /// The operators behind IN and BETWEEN.
    fn need_list_operators(&mut self, expression: &protobuf::AExpr, left: &Typed, items: &[Typed]) {
        use protobuf::AExprKind as Kind;
        let at = expression.location;
        let names: &[&str] = match expression.kind() {
            Kind::AexprIn => {
                self.need_in_operators(expression, left, items);
                return;
            }
            Kind::AexprBetween => &[">=", "<="],
            Kind::AexprNotBetween => &["<", ">"],
            _ => return,
        };
        for (name, item) in names.iter().zip(items) {
            self.need_operator(at, name, left, item);
        }
    }

    /// `IN` with several values compares with an array of them, if they and the left side have a type in common.
    fn need_in_operators(&mut self, expression: &protobuf::AExpr, left: &Typed, items: &[Typed]) {
        let name = strings(&expression.name).pop().unwrap_or_default();
        let types = self.ctx.types();
        let all: Vec<Typed> = std::iter::once(left).chain(items).cloned().collect();
        if all.iter().any(|typed| typed.ty.is_unsure()) {
            return;
        }
        let common = types.common_of(&all);
        if items.len() > 1 && !common.ty.is_unsure() {
            self.need_operator(expression.location, &name, left, &common);
            return;
        }
        for item in items {
            self.need_operator(expression.location, &name, left, item);
        }
    }

    /// Records where values of a type have no order, which ORDER BY, GREATEST and LEAST need.
    pub(super) fn need_comparison(&mut self, typed: &Typed, location: i32) {
        self.need_class(&["btree"], typed, location);
    }

    /// Records where values of a type cannot be told apart, which DISTINCT, GROUP BY and UNION need.
    pub(super) fn need_equality(&mut self, typed: &Typed, location: i32) {
        self.need_class(&["btree", "hash"], typed, location);
    }

    /// Requires that one of the access methods has a default operator class for a type.
    fn need_class(&mut self, methods: &[&str], typed: &Typed, location: i32) {
        let types = self.ctx.types();
        let lacks = |types: super::typing::Types<'_>| {
            methods.iter().all(|method| matches!(types.default_class(method, typed.ty), Some(None)))
        };
        let sure = self.ctx.is_complete() && (self.ctx.knows_server() || types.versions().all(lacks));
        if sure && lacks(types) {
            let ty = types.to_ref(typed);
            let lack = if methods.len() > 1 { "cannot be compared" } else { "have no order" };
            let message = format!("values of type {ty} {lack}");
            let span = self.ctx.span(location);
            self.ctx.require(Vec::new(), span, Verdict::Invalid, Code::DN204, message, Vec::new());
        }
    }

    /// Records where surely no operator takes two values; rows are compared column by column.
    pub(super) fn need_operator(&mut self, location: i32, name: &str, left: &Typed, right: &Typed) {
        if left.ty.is("record") || right.ty.is("record") {
            return;
        }
        if let Resolved::Nothing = self.ctx.types().operator(None, name, Some(left.ty), right.ty) {
            self.no_operator(location, None, name, Some(left), right);
        }
    }

    fn plain_operator(
        &mut self,
        expression: &protobuf::AExpr,
        operator: &[String],
        left: Option<Typed>,
        right: Typed,
    ) -> Typed {
        let is_row = |node: &Boxed| {
            let node = node.as_ref().and_then(|node| node.node.as_ref());
            matches!(node, Some(NodeEnum::RowExpr(_) | NodeEnum::SubLink(_)))
        };
        if is_row(&expression.lexpr) && is_row(&expression.rexpr) {
            // Rows are compared column by column.
            return if self.is_row_expression(&expression.lexpr) {
                Typed::named("bool")
            } else {
                Typed::unsure()
            };
        }
        let Some((name, schema)) = operator.split_last() else { return Typed::unsure() };
        let types = self.ctx.types();
        let resolved = types.operator(
            schema.last().map(String::as_str),
            name,
            left.as_ref().map(|typed| typed.ty),
            right.ty,
        );
        match resolved {
            Resolved::One(found) => {
                self.depend_on_operator(found.own);
                let inputs = left.iter().chain([&right]).map(|typed| &typed.collation);
                let collation = Collation::merged(found.result, inputs);
                Typed { collation, ..Typed::of(found.result) }
            }
            Resolved::Nothing => {
                self.no_operator(expression.location, schema.last(), name, left.as_ref(), &right);
                Typed::unsure()
            }
            Resolved::Unsure => Typed::unsure(),
        }
    }

    /// An operator of the user's is needed, and its function is called.
    fn depend_on_operator(&mut self, own: Option<Id>) {
        if let Some(id) = own {
            self.ctx.depends.push(Dependency { on: id, column: None });
        }
    }

    fn is_row_expression(&self, node: &Boxed) -> bool {
        matches!(node.as_ref().and_then(|node| node.node.as_ref()), Some(NodeEnum::RowExpr(_)))
    }

    /// The result has the type that `=` gives its left side.
    fn nullif(&mut self, left: Typed, right: &Typed) -> Typed {
        match self.ctx.types().operator(None, "=", Some(left.ty), right.ty) {
            // A row stays of its own type where rows in general are compared.
            Resolved::One(found) if found.left.is("record") && !left.ty.is_literal() => {
                Typed { modifiers: None, ..left }
            }
            Resolved::One(found) if !found.left.is_unsure() => {
                let modifiers = left.modifiers.filter(|_| found.left == left.ty);
                let inputs = [&left.collation, &right.collation];
                let collation = Collation::merged(found.left, inputs.into_iter());
                Typed { modifiers, collation, ..Typed::of(found.left) }
            }
            _ => Typed::unsure(),
        }
    }

    /// Records that no operator takes these operands.
    fn no_operator(
        &mut self,
        location: i32,
        schema: Option<&String>,
        name: &str,
        left: Option<&Typed>,
        right: &Typed,
    ) {
        let types = self.ctx.types();
        if schema.is_some() || !self.ctx.is_complete() {
            return;
        }
        let anywhere = !self.ctx.knows_server()
            && types.versions().any(|types| {
                !matches!(types.operator(None, name, left.map(|typed| typed.ty), right.ty), Resolved::Nothing)
            });
        if anywhere {
            return;
        }
        let shown = |typed: &Typed| types.to_ref(typed).to_string();
        let right = shown(right);
        let (words, side) = match left.map(shown) {
            Some(left) => (format!("{left} "), left),
            None => (String::new(), "NONE".to_owned()),
        };
        let message = format!("operator `{words}{name} {right}` does not exist");
        let span = self.ctx.span(location);
        let object = |schema: &String| {
            let prefix = if schema == "public" { String::new() } else { format!("{schema}.") };
            let name = format!("{prefix}{name}({side}, {right})");
            Facet::Exists(ObjectRef::Other { class: "operator".into(), name })
        };
        let any_of = self.ctx.path().0.iter().filter(|schema| *schema != "$user").map(object).collect();
        self.ctx.require(any_of, span, Verdict::Invalid, Code::DN204, message, Vec::new());
    }
}
