//! CREATE AGGREGATE, in the new style and the old.

use super::Context;
use super::function::blank;
use super::named_statement::{option, option_names};
use crate::catalog::{Dependency, Detail, DetailValue, FunctionKind, Name, Parameter, TypeRef};
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Analyses CREATE AGGREGATE.
    pub(super) fn create_aggregate(&mut self, node: &protobuf::DefineStmt, written: &Name) {
        self.adds();
        let name = self.new_name(written, self.statement.span);
        self.analysis.or_replace = node.replace;
        let mut function = blank(&name, false);
        function.kind = FunctionKind::Aggregate;
        function.language = "internal".into();
        function.volatility = 'i';
        if node.oldstyle {
            function.parameters = self.old_style_input(node);
        } else {
            // The tree gives the parameters in a list of their own, with the number of direct ones after it.
            let parameters: Vec<protobuf::Node> = node
                .args
                .iter()
                .flat_map(|node| match &node.node {
                    Some(NodeEnum::List(list)) => list.items.clone(),
                    _ => vec![node.clone()],
                })
                .collect();
            self.parameters(&mut function, &parameters);
        }
        let ordered = node
            .args
            .iter()
            .any(|node| matches!(&node.node, Some(NodeEnum::Integer(count)) if count.ival >= 0));
        let inputs: Vec<TypeRef> = function.parameters.iter().map(|parameter| parameter.ty.clone()).collect();
        let (needs, result) = self.aggregate_functions(node, &inputs, ordered);
        function.depends = needs;
        function.result = Some(result);
        let parallel = option(&node.definition, "parallel");
        let parallel = parallel.and_then(|option| option_names(option).pop()).unwrap_or_default();
        let details = match parallel.to_lowercase().chars().next() {
            Some(letter @ ('s' | 'r')) => vec![(Detail::Parallel, DetailValue::text(letter.to_string()))],
            _ => Vec::new(),
        };
        self.make_function(name, function, details, node.replace);
    }

    /// `basetype`: one type, or `"ANY"` for none.
    fn old_style_input(&mut self, node: &protobuf::DefineStmt) -> Vec<Parameter> {
        let written = option(&node.definition, "basetype").map(option_names).unwrap_or_default();
        if written.len() == 1 && written[0].eq_ignore_ascii_case("any") {
            return Vec::new();
        }
        let ty = self.option_type(node, "basetype");
        ty.into_iter().map(|ty| Parameter { name: None, ty, mode: 'i' }).collect()
    }

    /// The functions of an aggregate, and its result: that of the final function, else the state.
    fn aggregate_functions(
        &mut self,
        node: &protobuf::DefineStmt,
        inputs: &[TypeRef],
        ordered: bool,
    ) -> (Vec<Dependency>, TypeRef) {
        let mut needs = Vec::new();
        let state = ["stype", "stype1"].iter().find_map(|option| self.option_type(node, option));
        let state = state.unwrap_or_else(TypeRef::unknown);
        let named = |names: &[&str]| {
            let found = names.iter().find_map(|name| option(&node.definition, name))?;
            Some(Name::from_parts(&option_names(found))).filter(|name| !name.name.is_empty())
        };
        let span = self.statement.span;
        if let Some(step) = named(&["sfunc", "sfunc1"]) {
            let mut types = vec![state.clone()];
            // Of an ordered-set aggregate only the sorted ones are given; how many is not looked at.
            types.extend(inputs.iter().cloned());
            match ordered {
                true => needs.extend(self.need_support(&step, None, span)),
                false => needs.extend(self.need_support_for(&step, &types, span).0),
            }
        }
        let mut result = state.clone();
        if let Some(last) = named(&["finalfunc"]) {
            let extra = ordered || option(&node.definition, "finalfunc_extra").is_some();
            let mut types = vec![state.clone()];
            types.extend(inputs.iter().filter(|_| extra).cloned());
            match ordered {
                true => {
                    needs.extend(self.need_support(&last, None, span));
                    result = TypeRef::unknown();
                }
                false => {
                    let (need, of) = self.need_support_for(&last, &types, span);
                    needs.extend(need);
                    result = of.unwrap_or_else(TypeRef::unknown);
                }
            }
        }
        let [internal, bytes] = ["internal", "bytea"].map(TypeRef::builtin);
        let of_types = [("serialfunc", vec![internal.clone()]), ("deserialfunc", vec![bytes, internal])];
        for (part, types) in of_types {
            if let Some(name) = named(&[part]) {
                needs.extend(self.need_support(&name, Some(&types), span));
            }
        }
        if let Some(name) = named(&["combinefunc"]) {
            needs.extend(self.need_support_for(&name, &[state.clone(), state], span).0);
        }
        for part in ["msfunc", "minvfunc", "mfinalfunc"] {
            if let Some(name) = named(&[part]) {
                needs.extend(self.need_support(&name, None, span));
            }
        }
        (needs, result)
    }
}
