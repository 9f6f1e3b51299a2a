//! Operators (`parse_oper.c`).

use super::{Choice, Resolved, Ty, Types};
use crate::catalog::{Id, TypeRef, builtin};
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// What an operator is for given operands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperatorChoice {
    /// The type that the left operand gets.
    pub(crate) left: Ty,
    /// The type of the result.
    pub(crate) result: Ty,
    /// The operator, when it is not PostgreSQL's own.
    pub(crate) own: Option<Id>,
}

/// How many choices are remembered.
const MANY: usize = 4096;

/// An operator's name, as the place of its list, its operands and the version.
type Key = (usize, Option<Ty>, Ty, u32);

thread_local! {
    /// What PostgreSQL's own operators are for types of its own: thousands of statements ask for the same few.
    static CHOICES: RefCell<FxHashMap<Key, Resolved<OperatorChoice>>> = RefCell::default();
}

/// An operator as a candidate: its declared result, and which one it is where it is the user's.
type Candidate = (Ty, Option<Id>);

impl Types<'_> {
    /// Resolves an operator; a prefix operator has no left operand.
    pub(crate) fn operator(
        self,
        schema: Option<&str>,
        name: &str,
        left: Option<Ty>,
        right: Ty,
    ) -> Resolved<OperatorChoice> {
        if !self.has_only_builtin(schema, left, right) {
            return self.find_operator(schema, name, left, right);
        }
        // PostgreSQL's own operators are the same in every database of a version.
        let key = (builtin::operators(name).as_ptr() as usize, left, right, self.major);
        if let Some(known) = CHOICES.with_borrow(|known| known.get(&key).cloned()) {
            return known;
        }
        let found = self.find_operator(schema, name, left, right);
        CHOICES.with_borrow_mut(|known| {
            if known.len() >= MANY {
                known.clear();
            }
            known.insert(key, found.clone());
        });
        found
    }

    /// Whether only operators, casts and types of PostgreSQL's own can matter.
    fn has_only_builtin(self, schema: Option<&str>, left: Option<Ty>, right: Ty) -> bool {
        let builtin = |ty: Ty| matches!(ty, Ty::Builtin(_) | Ty::Unsure);
        left.is_none_or(builtin)
            && builtin(right)
            && self.builtin_first(schema)
            && self.catalog.others_of("operator").next().is_none()
            && self.catalog.others_of("cast").next().is_none()
    }

    /// Whether PostgreSQL's own operators are looked at before all others.
    fn builtin_first(self, schema: Option<&str>) -> bool {
        match schema {
            Some(schema) => schema == "pg_catalog",
            None => !self.path.0.iter().any(|schema| schema == "pg_catalog"),
        }
    }

    fn find_operator(
        self,
        schema: Option<&str>,
        name: &str,
        left: Option<Ty>,
        right: Ty,
    ) -> Resolved<OperatorChoice> {
        if let Some(found) = self.exact_builtin(schema, name, left, right) {
            return Resolved::One(found);
        }
        let inputs: Vec<Ty> = left.into_iter().chain([right]).collect();
        let all = self.operator_candidates(schema, name, left.is_some());
        if inputs.contains(&Ty::Unsure) {
            return same_result(&all);
        }
        let is_exact = |inputs: &[Ty]| all.iter().find(|choice| choice.parameters == inputs);
        let assumed = assumed(&inputs);
        // Only a binary operator is looked for once more without domains.
        let bases: Vec<Ty> = assumed.iter().map(|ty| self.base(*ty)).collect();
        if let Some(found) = is_exact(&assumed).or_else(|| is_exact(&bases).filter(|_| left.is_some())) {
            return Resolved::One(self.chosen(&inputs, found));
        }
        match self.choose(&inputs, &all) {
            Resolved::One(found) => Resolved::One(self.chosen(&inputs, &found)),
            Resolved::Nothing => Resolved::Nothing,
            Resolved::Unsure => same_result(&all),
        }
    }

    /// An operator of PostgreSQL's own for exactly these types: it needs no look at others, when none comes before it.
    fn exact_builtin(
        self,
        schema: Option<&str>,
        name: &str,
        left: Option<Ty>,
        right: Ty,
    ) -> Option<OperatorChoice> {
        let first = self.builtin_first(schema);
        let (left, right) = match left {
            Some(left) if left.is_literal() => (Some(right), right),
            Some(left) if right.is_literal() => (Some(left), left),
            left => (left, right),
        };
        if !first || right.is_unsure() {
            return None;
        }
        let found = builtin::operators(name).iter().find(|found| {
            found.versions.has(self.major)
                && Ty::Builtin(found.right) == right
                && found.left.map(Ty::Builtin) == left
        })?;
        Some(OperatorChoice { left: left.unwrap_or(right), result: Ty::Builtin(found.result), own: None })
    }

    /// The operators of a name in the search path, nearest schema first; one hides those of its types behind it.
    fn operator_candidates(self, schema: Option<&str>, name: &str, binary: bool) -> Vec<Choice<Candidate>> {
        let mut all: Vec<Choice<Candidate>> = Vec::new();
        for schema in self.schemas_of(schema) {
            if schema == "pg_catalog" {
                let own = builtin::operators(name).iter();
                let own =
                    own.filter(|found| found.versions.has(self.major) && found.left.is_some() == binary);
                all.extend(own.map(|found| Choice {
                    parameters: found.left.into_iter().chain([found.right]).map(Ty::Builtin).collect(),
                    item: (Ty::Builtin(found.result), None),
                }));
            }
            for (id, operator) in self.catalog.others_of("operator") {
                let there = operator.schema.is_some_and(|id| self.catalog.schema_name(id) == schema);
                let [left, right, rest @ ..] = operator.types.as_slice() else { continue };
                if !there || operator.name != name || left.is_some() != binary {
                    continue;
                }
                let of = |ty: &TypeRef| self.of_ref(ty);
                let parameters: Vec<Ty> = left.iter().chain(right).map(of).collect();
                let result = rest.first().and_then(Option::as_ref).map_or(Ty::Unsure, of);
                if !all.iter().any(|other| other.parameters == parameters) {
                    all.push(Choice { parameters, item: (result, Some(id)) });
                }
            }
        }
        all
    }

    fn chosen(self, inputs: &[Ty], choice: &Choice<Candidate>) -> OperatorChoice {
        let parameters = &choice.parameters;
        let (result, own) = choice.item;
        OperatorChoice {
            left: self.result(inputs, parameters, parameters[0]),
            result: self.result(inputs, parameters, result),
            own,
        }
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
fn same_result(all: &[Choice<Candidate>]) -> Resolved<OperatorChoice> {
    let Some((result, _)) = all.first().map(|choice| choice.item) else { return Resolved::Unsure };
    let same = all.iter().all(|choice| choice.item.0 == result);
    if !same || result.is_unsure() || super::polymorphic::is_polymorphic(result) {
        return Resolved::Unsure;
    }
    Resolved::One(OperatorChoice { left: Ty::Unsure, result, own: None })
}
