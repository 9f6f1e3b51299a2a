//! SQL/JSON constructors, functions and predicates.

use super::query::Resolver;
use super::query_expr::Boxed;
use super::typing::Typed;
use super::{Access, Place, Verdict};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};

impl Resolver<'_, '_> {
    /// SQL/JSON; also what stands in no other family.
    pub(super) fn json(&mut self, node: &NodeEnum) -> Typed {
        self.need_sql_json(node);
        match node {
            NodeEnum::JsonValueExpr(value) => self.json_value(value),
            NodeEnum::JsonKeyValue(pair) => self.json_pair(pair),
            NodeEnum::JsonArgument(argument) => self.json_opt(&argument.val),
            NodeEnum::JsonObjectConstructor(object) => {
                let values: Vec<Typed> = object.exprs.iter().map(|value| self.expr(value)).collect();
                self.constructed(object.output.as_ref(), &values)
            }
            NodeEnum::JsonArrayConstructor(array) => {
                let values: Vec<Typed> = array.exprs.iter().map(|value| self.expr(value)).collect();
                self.constructed(array.output.as_ref(), &values)
            }
            NodeEnum::JsonArrayQueryConstructor(array) => {
                self.opt(&array.query);
                self.returned(array.output.as_ref(), "json")
            }
            NodeEnum::JsonObjectAgg(aggregate) => {
                let value = aggregate.arg.as_ref().map_or_else(Typed::unsure, |pair| self.json_pair(pair));
                self.json_aggregate(aggregate.constructor.as_deref(), value)
            }
            NodeEnum::JsonArrayAgg(aggregate) => {
                let value = self.json_opt(&aggregate.arg);
                self.json_aggregate(aggregate.constructor.as_deref(), value)
            }
            NodeEnum::JsonFuncExpr(function) => self.json_function(function),
            NodeEnum::JsonIsPredicate(predicate) => {
                self.opt(&predicate.expr);
                Typed::named("bool")
            }
            NodeEnum::JsonParseExpr(parse) => {
                self.json_opt(&parse.expr);
                self.returned(parse.output.as_ref(), "json")
            }
            NodeEnum::JsonScalarExpr(scalar) => {
                self.opt(&scalar.expr);
                self.returned(scalar.output.as_ref(), "json")
            }
            NodeEnum::JsonSerializeExpr(serialize) => {
                self.json_opt(&serialize.expr);
                self.returned(serialize.output.as_ref(), "text")
            }
            NodeEnum::SelectStmt(select) => {
                self.select(select);
                Typed::unsure()
            }
            _ => {
                // What is not known here may read anything.
                self.ctx.touch(Place::Everything, Access::Read);
                Typed::unsure()
            }
        }
    }

    /// To a server before SQL/JSON such a name is that of a function, which somebody may have made.
    fn need_sql_json(&mut self, node: &NodeEnum) {
        let since = match node {
            NodeEnum::JsonFuncExpr(_)
            | NodeEnum::JsonParseExpr(_)
            | NodeEnum::JsonScalarExpr(_)
            | NodeEnum::JsonSerializeExpr(_) => 170_000,
            NodeEnum::JsonObjectConstructor(_)
            | NodeEnum::JsonArrayConstructor(_)
            | NodeEnum::JsonObjectAgg(_)
            | NodeEnum::JsonArrayAgg(_) => 160_000,
            _ => return,
        };
        if self.ctx.catalog.server_version < since {
            let message = format!("before PostgreSQL {} there is no such function", since / 10_000);
            let span = self.ctx.statement.span;
            self.ctx.require(Vec::new(), span, Verdict::Unknown, Code::DN204, message, Vec::new());
        }
    }

    pub(super) fn json_value(&mut self, value: &protobuf::JsonValueExpr) -> Typed {
        let raw = self.opt(&value.raw_expr);
        self.opt(&value.formatted_expr);
        raw
    }

    fn json_opt(&mut self, value: &Option<Box<protobuf::JsonValueExpr>>) -> Typed {
        value.as_ref().map_or_else(Typed::unsure, |value| self.json_value(value))
    }

    fn json_pair(&mut self, pair: &protobuf::JsonKeyValue) -> Typed {
        self.opt(&pair.key);
        self.json_opt(&pair.value)
    }

    fn json_function(&mut self, function: &protobuf::JsonFuncExpr) -> Typed {
        self.json_opt(&function.context_item);
        self.opt(&function.pathspec);
        self.exprs(&function.passing);
        for behavior in [&function.on_empty, &function.on_error].into_iter().flatten() {
            self.json_default(&behavior.expr);
        }
        match function.op() {
            protobuf::JsonExprOp::JsonExistsOp => Typed::named("bool"),
            protobuf::JsonExprOp::JsonQueryOp => self.returned(function.output.as_ref(), "jsonb"),
            protobuf::JsonExprOp::JsonValueOp => self.returned(function.output.as_ref(), "text"),
            _ => Typed::unsure(),
        }
    }

    fn json_default(&mut self, value: &Boxed) {
        self.opt(value);
    }

    fn json_aggregate(&mut self, constructor: Option<&protobuf::JsonAggConstructor>, value: Typed) -> Typed {
        let Some(constructor) = constructor else { return Typed::unsure() };
        self.opt(&constructor.agg_filter);
        self.exprs(&constructor.agg_order);
        if let Some(window) = &constructor.over {
            self.window(window);
        }
        self.constructed(constructor.output.as_ref(), &[value])
    }

    /// What RETURNING says, or json; where a value is jsonb the server may take that.
    fn constructed(&mut self, output: Option<&protobuf::JsonOutput>, values: &[Typed]) -> Typed {
        let plain = values.iter().all(|value| !value.ty.is_unsure() && !value.ty.is("jsonb"));
        match output {
            None if !plain => Typed::unsure(),
            output => self.returned(output, "json"),
        }
    }

    /// The type that RETURNING names, or the default.
    fn returned(&mut self, output: Option<&protobuf::JsonOutput>, default: &str) -> Typed {
        match output.and_then(|output| output.type_name.as_ref()) {
            Some(ty) => self.written_type(ty),
            None => Typed::named(default),
        }
    }
}
