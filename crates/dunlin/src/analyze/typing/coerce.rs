//! Which types become which others by themselves, and the type that several have in common.

use super::{Collation, Ty, Typed, Types};
use crate::catalog::builtin;

/// How a cast goes (`find_coercion_pathway`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pathway {
    /// There is none.
    Absent,
    /// Nothing is done.
    Relabel,
    /// A function is called.
    Function,
    /// Each element of an array is cast.
    Elements,
    /// Through text.
    Text,
}

/// In which places a cast may be used, the narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    Implicit,
    Explicit,
}

impl Types<'_> {
    /// How a value of one type becomes one of another; none where that is not known.
    pub(super) fn pathway(self, target: Ty, source: Ty, place: When) -> Option<Pathway> {
        let (source, target) = (self.base(source), self.base(target));
        if source.is_unsure() || target.is_unsure() {
            return None;
        }
        if source == target {
            return Some(Pathway::Relabel);
        }
        if let (Ty::Builtin(source), Ty::Builtin(target)) = (source, target)
            && let Some(cast) = builtin::cast(source, target, self.major)
        {
            let allowed = match cast.context {
                'i' => true,
                _ => place == When::Explicit,
            };
            return Some(match (allowed, cast.method) {
                (false, _) => Pathway::Absent,
                (true, 'b') => Pathway::Relabel,
                (true, 'i') => Pathway::Text,
                (true, _) => Pathway::Function,
            });
        }
        match self.own_cast(source, target, place)? {
            Pathway::Absent => {}
            found => return Some(found),
        }
        // A range becomes its multirange by a cast of its own, which is not listed for the user's.
        if self.is_own_range(source) && self.is_own_range(target) {
            return None;
        }
        if let (Some(from), Some(to)) = (self.element(source), self.element(target))
            && self.pathway(to, from, place)? != Pathway::Absent
        {
            return Some(Pathway::Elements);
        }
        if place == When::Implicit {
            return Some(Pathway::Absent);
        }
        let text = self.category(source)? == 'S' || self.category(target)? == 'S';
        Some(if text { Pathway::Text } else { Pathway::Absent })
    }

    /// How a cast of the user's, or of an extension, leads from one type to the other.
    fn own_cast(self, source: Ty, target: Ty, place: When) -> Option<Pathway> {
        for (_, cast) in self.catalog.others_of("cast") {
            let mut ends = cast.types.iter().map(|ty| ty.as_ref().map_or(Ty::Unsure, |ty| self.of_ref(ty)));
            let (Some(from), Some(to)) = (ends.next(), ends.next()) else { return None };
            if from.is_unsure() || to.is_unsure() {
                return None;
            }
            if (from, to) != (source, target) {
                continue;
            }
            let mut how = cast.of.as_deref()?.chars();
            let (context, method) = (how.next()?, how.next()?);
            return Some(match (context == 'i' || place == When::Explicit, method) {
                (false, _) => Pathway::Absent,
                (true, 'b') => Pathway::Relabel,
                (true, 'i') => Pathway::Text,
                (true, _) => Pathway::Function,
            });
        }
        Some(Pathway::Absent)
    }

    /// Whether arguments can be given to parameters without casts (`can_coerce_type`).
    pub(super) fn can_coerce(self, inputs: &[Ty], targets: &[Ty]) -> Option<bool> {
        let mut unsure = false;
        let mut generic = false;
        for (input, target) in inputs.iter().zip(targets) {
            if input == target && !input.is_unsure() || target.is("any") {
                continue;
            }
            if super::polymorphic::is_polymorphic(*target) {
                generic = true;
                continue;
            }
            if input.is_literal() {
                continue;
            }
            match self.fits(*input, *target) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => unsure = true,
            }
        }
        match (generic, unsure) {
            (_, true) => None,
            (true, _) => self.is_consistent(inputs, targets),
            _ => Some(true),
        }
    }

    fn fits(self, input: Ty, target: Ty) -> Option<bool> {
        if self.pathway(target, input, When::Implicit)? != Pathway::Absent {
            return Some(true);
        }
        let (row, array) = (target.is("record"), target.is("_record"));
        if row && self.row(input).is_some() || input.is("record") && self.row(target).is_some() {
            return Some(true);
        }
        if array && self.element(input).is_some_and(|element| self.row(element).is_some()) {
            return Some(true);
        }
        if let (Some(child), Some(parent)) = (self.row(input), self.row(target)) {
            return Some(self.inherits(child, parent));
        }
        Some(false)
    }

    /// Whether a relation inherits from another, or is a table OF its type.
    fn inherits(self, child: crate::catalog::Id, parent: crate::catalog::Id) -> bool {
        let mut todo = vec![child];
        let mut seen = Vec::new();
        while let Some(id) = todo.pop() {
            if id == parent {
                return true;
            }
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            if let Some(relation) = self.catalog.relation(id) {
                todo.extend(relation.parents.iter().copied());
                let of_type = relation.of_type.and_then(|id| self.row(Ty::Own(id)));
                if of_type == Some(parent) {
                    return true;
                }
            }
        }
        false
    }

    /// The type that values of several types get (`select_common_type`); unsure also where there is none.
    pub(super) fn common(self, types: &[Ty]) -> Ty {
        let Some((first, rest)) = types.split_first() else { return Ty::Unsure };
        if types.contains(&Ty::Unsure) {
            return Ty::Unsure;
        }
        if !first.is_literal() && rest.iter().all(|ty| ty == first) {
            return *first;
        }
        let mut found = self.base(*first);
        for ty in rest {
            let ty = self.base(*ty);
            if ty.is_unsure() || found.is_unsure() {
                return Ty::Unsure;
            }
            if ty.is_literal() || ty == found {
                continue;
            }
            if found.is_literal() {
                found = ty;
                continue;
            }
            let (Some(old), Some(new)) = (self.category(found), self.category(ty)) else { return Ty::Unsure };
            let Some(preferred) = self.preferred(found) else { return Ty::Unsure };
            if old != new {
                return Ty::Unsure;
            }
            if preferred {
                continue;
            }
            match (self.can_coerce(&[found], &[ty]), self.can_coerce(&[ty], &[found])) {
                (Some(true), Some(false)) => found = ty,
                (Some(_), Some(_)) => {}
                _ => return Ty::Unsure,
            }
        }
        if found.is_literal() { Ty::named("text") } else { found }
    }

    /// The type, modifiers and collation that several expressions get together.
    pub(crate) fn common_of(self, all: &[Typed]) -> Typed {
        let types: Vec<Ty> = all.iter().map(|typed| typed.ty).collect();
        let ty = self.common(&types);
        let mut modifiers = all.first().and_then(|first| first.modifiers.clone());
        if all.iter().any(|typed| typed.ty != ty || typed.modifiers != modifiers) {
            modifiers = None;
        }
        let collation = Collation::merged(ty, all.iter().map(|typed| &typed.collation));
        let fields = match all {
            [only] => only.fields.clone(),
            _ => None,
        };
        Typed { ty, modifiers, collation, fields }
    }
}
