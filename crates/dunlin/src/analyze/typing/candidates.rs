//! The choice among functions or operators of one name (`func_match_argtypes`, `func_select_candidate`).

use super::{Ty, Types};

/// A function or operator that a call may mean.
#[derive(Debug, Clone)]
pub(crate) struct Choice<T> {
    /// The types of its parameters, one for each argument of the call.
    pub(crate) parameters: Vec<Ty>,
    /// What it is.
    pub(crate) item: T,
}

/// What a name with arguments means.
#[derive(Debug, Clone)]
pub(crate) enum Resolved<T> {
    /// This one.
    One(T),
    /// Nothing: PostgreSQL says that it does not exist.
    Nothing,
    /// It cannot be said here.
    Unsure,
}

impl Types<'_> {
    /// Chooses by the types of the arguments when none of the candidates takes exactly them.
    pub(super) fn choose<T: Clone>(self, inputs: &[Ty], all: &[Choice<T>]) -> Resolved<Choice<T>> {
        let mut fitting: Vec<&Choice<T>> = Vec::new();
        for choice in all {
            match self.can_coerce(inputs, &choice.parameters) {
                Some(true) => fitting.push(choice),
                Some(false) => {}
                None => return Resolved::Unsure,
            }
        }
        match fitting.as_slice() {
            [] => Resolved::Nothing,
            [only] => Resolved::One((*only).clone()),
            _ => match self.select(inputs, fitting) {
                Some(Some(best)) => Resolved::One(best.clone()),
                // Not unique: the server refuses it, with another error than that it does not exist.
                _ => Resolved::Unsure,
            },
        }
    }

    /// Chooses the best of several that fit: the outer none says that it is not known, the inner that there is none.
    fn select<'c, T>(self, inputs: &[Ty], mut left: Vec<&'c Choice<T>>) -> Option<Option<&'c Choice<T>>> {
        let base: Vec<Ty> =
            inputs.iter().map(|ty| if ty.is_literal() { *ty } else { self.base(*ty) }).collect();
        if base.contains(&Ty::Unsure) {
            return None;
        }
        let known: Vec<usize> = (0..base.len()).filter(|at| !base[*at].is_literal()).collect();
        let exact =
            |choice: &Choice<T>| known.iter().filter(|at| choice.parameters[**at] == base[**at]).count();
        keep_best(&mut left, exact);
        if let [only] = left.as_slice() {
            return Some(Some(only));
        }
        let mut categories = Vec::with_capacity(base.len());
        for ty in &base {
            categories.push(if ty.is_literal() { None } else { Some(self.category(*ty)?) });
        }
        let mut scores = Vec::with_capacity(left.len());
        for choice in &left {
            let mut score = 0;
            for at in &known {
                let parameter = choice.parameters[*at];
                let preferred =
                    || Some(self.preferred(parameter)? && self.category(parameter) == categories[*at]);
                score += usize::from(parameter == base[*at] || preferred()?);
            }
            scores.push(score);
        }
        let best = scores.iter().copied().max().unwrap_or(0);
        let mut scores = scores.into_iter();
        left.retain(|_| scores.next() == Some(best));
        if let [only] = left.as_slice() {
            return Some(Some(only));
        }
        if known.len() == base.len() {
            return Some(None);
        }
        self.by_literals(&base, &mut left)?;
        if let [only] = left.as_slice() {
            return Some(Some(only));
        }
        self.as_the_known(&base, &known, left)
    }

    /// Finds a category for each constant without a type, and keeps what takes that; strings win.
    fn by_literals<T>(self, base: &[Ty], left: &mut Vec<&Choice<T>>) -> Option<()> {
        let mut wanted: Vec<Option<(char, bool)>> = vec![None; base.len()];
        for at in (0..base.len()).filter(|at| base[*at].is_literal()) {
            let mut conflict = false;
            let mut slot: Option<(char, bool)> = None;
            for choice in left.iter() {
                let parameter = choice.parameters[at];
                let (category, preferred) = (self.category(parameter)?, self.preferred(parameter)?);
                slot = match slot {
                    None => Some((category, preferred)),
                    Some((known, has)) if known == category => Some((known, has || preferred)),
                    Some(_) if category == 'S' => Some((category, preferred)),
                    other => {
                        conflict = true;
                        other
                    }
                };
            }
            if conflict && slot.is_none_or(|(category, _)| category != 'S') {
                return Some(());
            }
            wanted[at] = slot;
        }
        let fits = |choice: &&Choice<T>| {
            choice.parameters.iter().zip(&wanted).all(|(parameter, wanted)| match wanted {
                Some((category, preferred)) => {
                    self.category(*parameter) == Some(*category)
                        && (!preferred || self.preferred(*parameter) == Some(true))
                }
                None => true,
            })
        };
        if left.iter().any(fits) {
            left.retain(fits);
        }
        Some(())
    }

    /// The last resort: constants without a type are taken for the type that all others have.
    fn as_the_known<'c, T>(
        self,
        base: &[Ty],
        known: &[usize],
        left: Vec<&'c Choice<T>>,
    ) -> Option<Option<&'c Choice<T>>> {
        let Some(first) = known.first().map(|at| base[*at]) else { return Some(None) };
        if known.iter().any(|at| base[*at] != first) {
            return Some(None);
        }
        let all = vec![first; base.len()];
        let mut found = None;
        for choice in left {
            if self.can_coerce(&all, &choice.parameters)? {
                if found.is_some() {
                    return Some(None);
                }
                found = Some(choice);
            }
        }
        Some(found)
    }
}

/// Keeps the candidates with the highest score.
fn keep_best<T>(left: &mut Vec<&Choice<T>>, score: impl Fn(&Choice<T>) -> usize) {
    let best = left.iter().map(|choice| score(choice)).max().unwrap_or(0);
    left.retain(|choice| score(choice) == best);
}
