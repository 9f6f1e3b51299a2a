//! Polymorphic types: `anyelement` and its family, `anycompatible` and its family
//! (`check_generic_type_consistency`, `enforce_generic_type_consistency`).

use super::{Ty, Types};
use crate::catalog::builtin;

/// Whether a type stands for whatever the arguments are.
pub(super) fn is_polymorphic(ty: Ty) -> bool {
    matches!(ty, Ty::Builtin(index) if builtin::type_at(index).is_polymorphic())
}

/// What the polymorphic parameters of a call stand for.
#[derive(Debug, Default)]
struct Bindings {
    element: Option<Ty>,
    array: Option<Ty>,
    range: Option<Ty>,
    multirange: Option<Ty>,
    compatible: Vec<Ty>,
    compatible_range: Option<Ty>,
    compatible_multirange: Option<Ty>,
}

/// Why there are no bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Misfit {
    /// The arguments contradict each other.
    Wrong,
    /// It cannot be said.
    Unsure,
}

fn family(ty: Ty) -> &'static str {
    match ty {
        Ty::Builtin(index) if is_polymorphic(ty) => builtin::type_at(index).name,
        _ => "",
    }
}

impl Types<'_> {
    /// Whether arguments can be given to polymorphic parameters.
    pub(super) fn is_consistent(self, inputs: &[Ty], targets: &[Ty]) -> Option<bool> {
        match self.bind(inputs, targets) {
            Ok(_) => Some(true),
            Err(Misfit::Wrong) => Some(false),
            Err(Misfit::Unsure) => None,
        }
    }

    /// The result of a call whose declared result may be polymorphic; unsure where the arguments do not say.
    pub(crate) fn result(self, inputs: &[Ty], targets: &[Ty], declared: Ty) -> Ty {
        let name = family(declared);
        if name.is_empty() {
            return declared;
        }
        let Ok(found) = self.bind(inputs, targets) else { return Ty::Unsure };
        let compatible = || match found.compatible.as_slice() {
            [] => Ty::named("text"),
            all => self.common(all),
        };
        match name {
            "anyelement" | "anynonarray" | "anyenum" => found.element.unwrap_or_default(),
            "anyarray" => found.array.or_else(|| found.element.map(|ty| self.array(ty))).unwrap_or_default(),
            "anyrange" => found.range.unwrap_or_default(),
            "anymultirange" => {
                found.multirange.or_else(|| found.range.map(|ty| self.multirange(ty))).unwrap_or_default()
            }
            "anycompatible" | "anycompatiblenonarray" => compatible(),
            "anycompatiblearray" => self.array(compatible()),
            "anycompatiblerange" => found.compatible_range.unwrap_or_default(),
            "anycompatiblemultirange" => found
                .compatible_multirange
                .or_else(|| found.compatible_range.map(|ty| self.multirange(ty)))
                .unwrap_or_default(),
            _ => Ty::Unsure,
        }
    }

    fn bind(self, inputs: &[Ty], targets: &[Ty]) -> Result<Bindings, Misfit> {
        let mut found = Bindings::default();
        for (input, target) in inputs.iter().zip(targets) {
            let name = family(*target);
            if name.is_empty() || input.is_literal() {
                continue;
            }
            if input.is_unsure() {
                return Err(Misfit::Unsure);
            }
            // Domains are flattened where a part of the type is looked at.
            let base = self.base(*input);
            if base.is_unsure() {
                return Err(Misfit::Unsure);
            }
            match name {
                "anyelement" | "anynonarray" | "anyenum" => same(&mut found.element, *input)?,
                "anyarray" => same(&mut found.array, base)?,
                "anyrange" => same(&mut found.range, base)?,
                "anymultirange" => same(&mut found.multirange, base)?,
                "anycompatible" | "anycompatiblenonarray" => found.compatible.push(*input),
                "anycompatiblearray" => found.compatible.push(self.element(base).ok_or(Misfit::Wrong)?),
                "anycompatiblerange" => same(&mut found.compatible_range, base)?,
                "anycompatiblemultirange" => same(&mut found.compatible_multirange, base)?,
                _ => return Err(Misfit::Unsure),
            }
        }
        self.link(&mut found)?;
        self.link_compatible(&mut found)?;
        self.check(&found, targets)?;
        Ok(found)
    }

    /// Elements, arrays, ranges and multiranges follow from each other.
    fn link(self, found: &mut Bindings) -> Result<(), Misfit> {
        if let Some(array) = found.array {
            // An anyarray of a system view has elements of any type.
            if array.is("anyarray") {
                return Err(Misfit::Unsure);
            }
            same(&mut found.element, self.element(array).ok_or(Misfit::Wrong)?)?;
        }
        if let Some(multirange) = found.multirange {
            same(&mut found.range, self.part(multirange, 'm')?)?;
        }
        if let Some(range) = found.range {
            same(&mut found.element, self.part(range, 'r')?)?;
        }
        Ok(())
    }

    fn link_compatible(self, found: &mut Bindings) -> Result<(), Misfit> {
        if let Some(multirange) = found.compatible_multirange {
            same(&mut found.compatible_range, self.part(multirange, 'm')?)?;
        }
        let Some(range) = found.compatible_range else { return Ok(()) };
        let subtype = self.part(range, 'r')?;
        found.compatible.push(subtype);
        match self.common(&found.compatible) {
            Ty::Unsure => Err(Misfit::Unsure),
            common if common == subtype => Ok(()),
            _ => Err(Misfit::Wrong),
        }
    }

    fn check(self, found: &Bindings, targets: &[Ty]) -> Result<(), Misfit> {
        let declared = |name: &str| targets.iter().any(|target| family(*target) == name);
        let must = |fact: Option<bool>| match fact {
            Some(true) => Ok(()),
            Some(false) => Err(Misfit::Wrong),
            None => Err(Misfit::Unsure),
        };
        if let Some(element) = found.element {
            if declared("anynonarray") {
                must(self.is_array(element).map(|is| !is))?;
            }
            if declared("anyenum") {
                must(self.is_enum(element))?;
            }
        }
        if !found.compatible.is_empty() {
            let common = match self.common(&found.compatible) {
                Ty::Unsure => return Err(self.misfit(&found.compatible)),
                common => common,
            };
            for ty in &found.compatible {
                must(self.can_coerce(&[*ty], &[common]))?;
            }
            if declared("anycompatiblenonarray") {
                must(self.is_array(common).map(|is| !is))?;
            }
        }
        Ok(())
    }

    /// Types without a common one: surely so when their categories are known and differ.
    fn misfit(self, types: &[Ty]) -> Misfit {
        let categories: Option<Vec<char>> = types.iter().map(|ty| self.category(self.base(*ty))).collect();
        match categories {
            Some(all) if all.windows(2).any(|pair| pair[0] != pair[1]) => Misfit::Wrong,
            _ => Misfit::Unsure,
        }
    }

    /// The subtype of a range (`r`), or the range of a multirange (`m`).
    fn part(self, ty: Ty, kind: char) -> Result<Ty, Misfit> {
        match ty {
            Ty::Builtin(index) => {
                let found = builtin::type_at(index);
                match found.base {
                    Some(base) if found.kind == kind => Ok(Ty::Builtin(base)),
                    _ => Err(Misfit::Wrong),
                }
            }
            Ty::Own(_) if self.category(ty) == Some('R') || self.category(ty).is_none() => {
                Err(Misfit::Unsure)
            }
            _ => Err(Misfit::Wrong),
        }
    }

    fn multirange(self, range: Ty) -> Ty {
        let Ty::Builtin(index) = range else { return Ty::Unsure };
        let name = builtin::type_at(index).name.replace("range", "multirange");
        Ty::named(&name)
    }
}

/// Binds a type, or compares it with what is bound.
fn same(slot: &mut Option<Ty>, ty: Ty) -> Result<(), Misfit> {
    match slot {
        Some(known) if *known != ty => Err(Misfit::Wrong),
        _ => {
            *slot = Some(ty);
            Ok(())
        }
    }
}
