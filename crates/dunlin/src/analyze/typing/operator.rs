//! Operators (`parse_oper.c`).

use super::{Choice, Resolved, Ty, Types};
use crate::catalog::Catalog;
use crate::catalog::builtin::{self, BuiltinOperator};

/// What an operator is for given operands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperatorChoice {
    /// The type that the left operand gets.
    pub(crate) left: Ty,
    /// The type of the result.
    pub(crate) result: Ty,
}

impl Types<'_> {
    /// Resolves an operator; a prefix operator has no left operand.
    pub(crate) fn operator(
        self,
        schema: Option<&str>,
        name: &str,
        left: Option<Ty>,
        right: Ty,
    ) -> Resolved<OperatorChoice> {
        // `<>` may be written `!=`: the scanner has made it `<>` already.
        let inputs: Vec<Ty> = left.into_iter().chain([right]).collect();
        let builtin_in_sight = schema.is_none_or(|schema| schema == "pg_catalog");
        let own = schema != Some("pg_catalog") && self.has_own_operator(name);
        if !builtin_in_sight {
            return Resolved::Unsure;
        }
        let all: Vec<Choice<&'static BuiltinOperator>> = builtin::operators(name)
            .iter()
            .filter(|found| found.versions.has(self.major) && found.left.is_some() == left.is_some())
            .map(|found| Choice {
                parameters: found.left.into_iter().chain([found.right]).map(Ty::Builtin).collect(),
                item: found,
            })
            .collect();
        let is_exact = |inputs: &[Ty]| all.iter().find(|choice| choice.parameters == inputs);
        let assumed = assumed(&inputs);
        let bases: Vec<Ty> = assumed.iter().map(|ty| self.base(*ty)).collect();
        let first_path = !self.hides_builtin();
        if !inputs.contains(&Ty::Unsure)
            && (first_path || !own)
            && let Some(found) = is_exact(&assumed).or_else(|| is_exact(&bases).filter(|_| !own))
        {
            return Resolved::One(self.chosen(&inputs, found));
        }
        if own {
            return Resolved::Unsure;
        }
        if inputs.contains(&Ty::Unsure) {
            return match same_result(&all) {
                Some(result) => Resolved::One(OperatorChoice { left: Ty::Unsure, result }),
                None => Resolved::Unsure,
            };
        }
        match self.choose(&inputs, &all) {
            Resolved::One(found) => Resolved::One(self.chosen(&inputs, &found)),
            Resolved::Nothing => Resolved::Nothing,
            Resolved::Unsure => match same_result(&all) {
                Some(result) => Resolved::One(OperatorChoice { left: Ty::Unsure, result }),
                None => Resolved::Unsure,
            },
        }
    }

    fn chosen(self, inputs: &[Ty], choice: &Choice<&'static BuiltinOperator>) -> OperatorChoice {
        let parameters = &choice.parameters;
        OperatorChoice {
            left: self.result(inputs, parameters, parameters[0]),
            result: self.result(inputs, parameters, Ty::Builtin(choice.item.result)),
        }
    }

    /// Whether an operator of that name is the user's or an extension's.
    pub(crate) fn has_own_operator(self, name: &str) -> bool {
        let is_meant = |text: &str| {
            let written = text.split(" (").next().unwrap_or(text);
            let written = written.split('(').next().unwrap_or(written).trim();
            written.rsplit('.').next().is_some_and(|own| own.trim_matches('"') == name)
        };
        self.catalog.others_of("operator").any(|(_, own)| is_meant(&self.catalog.other_label(own)))
    }

    /// Whether the search path names `pg_catalog`: then other schemas may come before it.
    fn hides_builtin(self) -> bool {
        self.path.0.iter().position(|schema| Catalog::is_system_schema(schema)).is_some_and(|at| at > 0)
    }
}

/// A constant without a type beside a value of a known one is taken for that type.
fn assumed(inputs: &[Ty]) -> Vec<Ty> {
    match inputs {
        [left, right] if left.is_literal() => vec![*right, *right],
        [left, right] if right.is_literal() => vec![*left, *left],
        other => other.to_vec(),
    }
}

/// What all operators of a name give, when it is the same.
fn same_result(all: &[Choice<&'static BuiltinOperator>]) -> Option<Ty> {
    let first = all.first()?.item.result;
    let result = Ty::Builtin(first);
    let same = all.iter().all(|choice| choice.item.result == first);
    (same && !super::polymorphic::is_polymorphic(result)).then_some(result)
}
