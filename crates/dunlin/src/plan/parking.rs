//! The operations that wait, found by what they lack, by what they wait behind, and by what they touch.

use crate::analyze::{Analysis, Facet, Footprint, Ground};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// An operation that waits.
pub(super) struct Parked {
    pub(super) index: usize,
    /// What it lacks; empty when it only waits behind another one.
    pub(super) missing: Vec<Facet>,
    /// The operation it waits behind.
    pub(super) behind: Option<usize>,
    /// The analysis it was parked with.
    pub(super) analysis: Arc<Analysis>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Parking {
    /// In file order.
    parked: BTreeMap<usize, Parked>,
    lacking: HashMap<Facet, BTreeSet<usize>>,
    behind: HashMap<usize, BTreeSet<usize>>,
    standing: HashMap<Ground, BTreeSet<usize>>,
    /// All that operations which waited have lacked so far.
    awaited: HashSet<Facet>,
}

impl Parking {
    /// Adds an operation, or replaces what is known of it.
    pub(super) fn insert(&mut self, parked: Parked) {
        let index = parked.index;
        self.remove(index);
        for facet in &parked.missing {
            self.lacking.entry(facet.clone()).or_default().insert(index);
            if !self.awaited.contains(facet) {
                self.awaited.insert(facet.clone());
            }
        }
        if let Some(behind) = parked.behind {
            self.behind.entry(behind).or_default().insert(index);
        }
        for ground in parked.analysis.footprint.grounds() {
            self.standing.entry(ground).or_default().insert(index);
        }
        self.parked.insert(index, parked);
    }

    /// Takes an operation out.
    pub(super) fn remove(&mut self, index: usize) -> Option<Parked> {
        let parked = self.parked.remove(&index)?;
        for facet in &parked.missing {
            take(&mut self.lacking, facet, index);
        }
        if let Some(behind) = &parked.behind {
            take(&mut self.behind, behind, index);
        }
        for ground in parked.analysis.footprint.grounds() {
            take(&mut self.standing, &ground, index);
        }
        Some(parked)
    }

    pub(super) fn get(&self, index: usize) -> Option<&Parked> {
        self.parked.get(&index)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parked.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Parked> {
        self.parked.values()
    }

    pub(super) fn all(&self) -> BTreeSet<usize> {
        self.parked.keys().copied().collect()
    }

    /// Those that lack this.
    pub(super) fn lacking(&self, facet: &Facet) -> impl Iterator<Item = usize> {
        self.lacking.get(facet).into_iter().flatten().copied()
    }

    /// Those that wait behind an operation.
    pub(super) fn behind(&self, index: usize) -> impl Iterator<Item = usize> {
        self.behind.get(&index).into_iter().flatten().copied()
    }

    /// Whether an operation that waits, or waited, lacked this.
    pub(super) fn is_awaited(&self, facet: &Facet) -> bool {
        self.awaited.contains(facet)
    }

    /// Those before an operation that may not commute with its footprint, in file order.
    pub(super) fn near(&self, footprint: &Footprint, before: usize) -> impl Iterator<Item = &Parked> {
        let grounds = footprint.grounds();
        let near: BTreeSet<usize> = if grounds.contains(&Ground::Everywhere) {
            self.parked.range(..before).map(|(index, _)| *index).collect()
        } else {
            let everywhere = self.standing.get(&Ground::Everywhere).into_iter();
            let here = grounds.iter().filter_map(|ground| self.standing.get(ground));
            everywhere.chain(here).flat_map(|there| there.range(..before)).copied().collect()
        };
        near.into_iter().filter_map(|index| self.parked.get(&index))
    }
}

fn take<K: Hash + Eq>(indexes: &mut HashMap<K, BTreeSet<usize>>, key: &K, index: usize) {
    if let Some(there) = indexes.get_mut(key) {
        there.remove(&index);
        if there.is_empty() {
            indexes.remove(key);
        }
    }
}
