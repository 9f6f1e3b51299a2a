//! Operator classes: which one a key of an index gets, and which types a foreign key can compare.

use super::{Ty, Types};
use crate::catalog::builtin::{self, OperatorClass};

impl Types<'_> {
    /// The default operator class for keys of a type (`GetDefaultOpClass`): the inner none says that there is none,
    /// the outer one that it is not known.
    pub(crate) fn default_class(self, method: &str, ty: Ty) -> Option<Option<&'static OperatorClass>> {
        let ty = self.base(if ty.is_literal() { Ty::named("text") } else { ty });
        let all = builtin::operator_classes(method);
        let own = self.catalog.others_of("operator class");
        if ty.is_unsure()
            || all.is_empty()
            || own.into_iter().any(|(_, own)| own.of.as_deref() == Some(method))
        {
            return None;
        }
        let defaults = || all.iter().filter(|class| class.default && class.versions.has(self.major));
        if let Some(exact) = defaults().find(|class| Ty::Builtin(class.input) == ty) {
            return Some(Some(exact));
        }
        let (mut preferred, mut others) = (Vec::new(), Vec::new());
        for class in defaults() {
            if !self.is_binary_coercible(ty, Ty::Builtin(class.input))? {
                continue;
            }
            match self.preferred(Ty::Builtin(class.input)) {
                Some(true) => preferred.push(class),
                _ => others.push(class),
            }
        }
        Some(match (preferred.as_slice(), others.as_slice()) {
            ([only], _) | ([], [only]) => Some(only),
            _ => None,
        })
    }

    /// Whether values of a type are those of another as they are (`IsBinaryCoercible`).
    fn is_binary_coercible(self, source: Ty, target: Ty) -> Option<bool> {
        let Ty::Builtin(index) = target else { return None };
        let found = builtin::type_at(index);
        match found.name {
            "any" | "anyelement" | "anycompatible" => Some(true),
            "anyarray" | "anycompatiblearray" => Some(self.element(source).is_some()),
            "anyenum" => self.is_enum(source),
            "anyrange" | "anymultirange" => match source {
                Ty::Builtin(index) => {
                    let kind = if found.name == "anyrange" { 'r' } else { 'm' };
                    Some(builtin::type_at(index).kind == kind)
                }
                _ if self.is_own_range(source) => None,
                _ => Some(false),
            },
            "record" => self.is_composite(source),
            _ => Some(self.implicit_relabel(source, target)?),
        }
    }

    fn implicit_relabel(self, source: Ty, target: Ty) -> Option<bool> {
        let pathway = self.pathway(target, source, super::coerce::When::Implicit)?;
        Some(pathway == super::coerce::Pathway::Relabel)
    }

    /// Whether a foreign key column of one type can refer to a key column of another
    /// (`ATAddForeignKeyConstraint`); none where that is not known.
    pub(crate) fn can_refer(self, foreign: Ty, key: Ty) -> Option<bool> {
        let class = self.default_class("btree", key)??;
        let base = self.base(foreign);
        if base.is_unsure() {
            return None;
        }
        let input = Ty::Builtin(class.input);
        if let Ty::Builtin(index) = base {
            let equal = |left, right| builtin::equality("btree", class.family, left, right);
            if equal(class.input, index) && equal(index, index) {
                return Some(true);
            }
        }
        match self.can_coerce(&[key, foreign], &[input, input])? {
            true => Some(true),
            // Operators of the user's may have been added to the family.
            false if self.catalog.others_of("operator").any(|(_, own)| own.name == "=") => None,
            false => Some(false),
        }
    }
}
