//! The operations of a set while its files are read: of a large set by a thread of its own, ahead of the planner.
//!
//! Whoever asks for an operation that is not read yet waits for it, so that nobody sees a difference but in time.

use super::operations::Operation;
use crate::analyze::Unpacked;
use crate::diagnostic::Diagnostic;
use crate::syntax::spawn_on_large_stack;
use std::ops::{Index, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

/// How many migrations the trees are unpacked ahead of the planner.
const AHEAD: usize = 32;
/// A migration with more statements has its trees unpacked one by one: each takes some 7 KB.
const MANY: usize = 100;

/// The operations of one migration.
#[derive(Default)]
pub(super) struct Chunk {
    /// Their numbers in the set.
    pub(super) range: Range<usize>,
    pub(super) operations: Vec<Operation>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Their trees, while the planner is near.
    trees: RwLock<Vec<Option<Unpacked>>>,
}

impl Chunk {
    pub(super) fn new(
        range: Range<usize>,
        operations: Vec<Operation>,
        diagnostics: Vec<Diagnostic>,
    ) -> Chunk {
        Chunk { range, operations, diagnostics, trees: RwLock::default() }
    }
}

/// The migrations that are read so far, and where reader and planner are.
struct Shelf {
    /// One for each migration, filled in order.
    chunks: Box<[OnceLock<Chunk>]>,
    /// How many of them are filled.
    read: AtomicUsize,
    /// Where something was found last: only a hint.
    last: AtomicUsize,
    /// The migration that the planner has come to.
    planner: AtomicUsize,
    /// The reader waits until the planner has come so far.
    wake_at: AtomicUsize,
    /// Nobody wants to know any more.
    abandoned: AtomicBool,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// How many wait for the reader.
    count: usize,
    /// The reader has panicked.
    failed: bool,
}

impl Shelf {
    fn new(migrations: usize) -> Shelf {
        Shelf {
            chunks: (0..migrations).map(|_| OnceLock::new()).collect(),
            read: AtomicUsize::new(0),
            last: AtomicUsize::new(0),
            planner: AtomicUsize::new(0),
            wake_at: AtomicUsize::new(usize::MAX),
            abandoned: AtomicBool::new(false),
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// The operations of a migration, as soon as they are read.
    fn chunk(&self, migration: usize) -> &Chunk {
        if let Some(chunk) = self.chunks[migration].get() {
            return chunk;
        }
        let mut waiting = self.lock();
        loop {
            if let Some(chunk) = self.chunks[migration].get() {
                return chunk;
            }
            assert!(!waiting.failed, "the thread that reads the migrations has panicked");
            waiting.count += 1;
            waiting = self.wait(waiting);
            waiting.count -= 1;
        }
    }

    /// The migration of an operation.
    fn chunk_of(&self, index: usize) -> &Chunk {
        let last = self.last.load(Relaxed);
        for near in [last, last + 1] {
            if let Some(chunk) = self.chunks.get(near).and_then(OnceLock::get)
                && chunk.range.contains(&index)
            {
                if near != last {
                    self.last.store(near, Relaxed);
                }
                return chunk;
            }
        }
        let mut read = self.read.load(SeqCst);
        while read < self.chunks.len() && (read == 0 || self.chunk(read - 1).range.end <= index) {
            self.chunk(read);
            read = self.read.load(SeqCst).max(read + 1);
        }
        let at = self.chunks[..read]
            .partition_point(|chunk| chunk.get().is_some_and(|chunk| chunk.range.end <= index));
        self.last.store(at, Relaxed);
        self.chunk(at)
    }

    fn put(&self, migration: usize, chunk: Chunk) {
        // Each place is filled once, by the one reader.
        let _ = self.chunks[migration].set(chunk);
        self.read.store(migration + 1, SeqCst);
        if self.lock().count > 0 {
            self.changed.notify_all();
        }
    }
}

/// Fills the shelf.
struct Reader<F> {
    shelf: Arc<Shelf>,
    /// Reads a migration, whose first operation has a number.
    read: F,
    /// How many migrations are read, have their trees unpacked, have them dropped again.
    progress: [usize; 3],
}

impl<F: FnMut(usize, usize) -> Chunk> Reader<F> {
    /// Reads one migration after the other and no trees: what whoever asks does for itself.
    fn read_all(&mut self) {
        while self.progress[0] < self.shelf.chunks.len() {
            self.read_one();
        }
    }

    fn read_one(&mut self) {
        let migration = self.progress[0];
        let start = match migration {
            0 => 0,
            _ => self.shelf.chunk(migration - 1).range.end,
        };
        let chunk = (self.read)(migration, start);
        self.shelf.put(migration, chunk);
        self.progress[0] += 1;
    }

    /// Reads ahead of the planner, and unpacks what it comes to next.
    fn read_ahead(&mut self) {
        let count = self.shelf.chunks.len();
        while !self.shelf.abandoned.load(SeqCst) {
            let planner = self.shelf.planner.load(SeqCst);
            self.drop_trees(planner);
            // What the planner is at it unpacks itself.
            self.progress[1] = self.progress[1].max(planner + 1);
            let [read, unpacked, _] = self.progress;
            if unpacked < read && unpacked <= planner + AHEAD {
                self.unpack(unpacked);
            } else if read < count {
                self.read_one();
            } else if unpacked >= count {
                return;
            } else {
                self.wait_for_planner(planner);
            }
        }
    }

    fn unpack(&mut self, migration: usize) {
        let chunk = self.shelf.chunk(migration);
        if chunk.operations.len() <= MANY {
            let trees = chunk.operations.iter().map(|operation| Unpacked::of(&operation.statement)).collect();
            *chunk.trees.write().unwrap_or_else(PoisonError::into_inner) = trees;
        }
        self.progress[1] = migration + 1;
    }

    /// Drops the trees that the planner has left behind.
    fn drop_trees(&mut self, planner: usize) {
        let [_, unpacked, dropped] = &mut self.progress;
        while *dropped < planner.min(*unpacked) {
            let trees = &self.shelf.chunk(*dropped).trees;
            drop(std::mem::take(&mut *trees.write().unwrap_or_else(PoisonError::into_inner)));
            *dropped += 1;
        }
    }

    /// Waits until the planner has used up half of what is unpacked.
    fn wait_for_planner(&self, planner: usize) {
        let shelf = &self.shelf;
        let mut waiting = shelf.lock();
        let wake_at = planner + AHEAD / 2;
        shelf.wake_at.store(wake_at, SeqCst);
        while shelf.planner.load(SeqCst) < wake_at && !shelf.abandoned.load(SeqCst) {
            waiting = shelf.wait(waiting);
        }
        shelf.wake_at.store(usize::MAX, SeqCst);
    }
}

/// The one who wants to know what is read: with the last one the reader ends.
struct Handle(Arc<Shelf>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.abandoned.store(true, SeqCst);
        let _waiting = self.0.lock();
        self.0.changed.notify_all();
    }
}

/// All operations of a set, in file order.
#[derive(Clone)]
pub struct All(Arc<Handle>);

/// For each migration of a set its operations, as a range of [`All`].
#[derive(Clone)]
pub struct Ranges(Arc<Handle>);

/// Reads a set: `read` gives the operations of a migration, the first of which has a number.
pub(super) fn read_set(
    migrations: usize,
    ahead: bool,
    read: impl FnMut(usize, usize) -> Chunk + Clone + Send + 'static,
) -> (All, Ranges) {
    let shelf = Arc::new(Shelf::new(migrations));
    let handle = Arc::new(Handle(shelf.clone()));
    let mut reader = Reader { shelf: shelf.clone(), read: read.clone(), progress: [0; 3] };
    let ahead = ahead
        && spawn_on_large_stack(move || {
            if catch_unwind(AssertUnwindSafe(|| reader.read_ahead())).is_err() {
                reader.shelf.lock().failed = true;
                reader.shelf.changed.notify_all();
            }
        });
    if !ahead {
        let mut reader = Reader { shelf, read, progress: [0; 3] };
        crate::syntax::on_large_stack(|| reader.read_all());
    }
    (All(handle.clone()), Ranges(handle))
}

impl All {
    fn shelf(&self) -> &Shelf {
        &self.0.0
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        (0..self.shelf().chunks.len()).map(|migration| self.shelf().chunk(migration))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let last = self.shelf().chunks.len().checked_sub(1);
        last.map_or(0, |last| self.shelf().chunk(last).range.end)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.chunks().flat_map(|chunk| &chunk.operations)
    }

    /// What is wrong with the text.
    pub(super) fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.chunks().flat_map(|chunk| &chunk.diagnostics)
    }

    /// Says that the planner has come to a migration: the trees of those that follow are wanted next.
    pub(super) fn arrive(&self, migration: usize) {
        let shelf = self.shelf();
        shelf.planner.store(migration, SeqCst);
        if shelf.wake_at.load(SeqCst) <= migration {
            let _waiting = shelf.lock();
            shelf.changed.notify_all();
        }
    }

    /// Gives the tree of an operation where it is unpacked already.
    pub(super) fn with_tree<R>(&self, index: usize, use_tree: impl FnOnce(Option<&Unpacked>) -> R) -> R {
        let chunk = self.shelf().chunk_of(index);
        let trees = chunk.trees.read().unwrap_or_else(PoisonError::into_inner);
        use_tree(trees.get(index - chunk.range.start).and_then(Option::as_ref))
    }
}

impl Index<usize> for All {
    type Output = Operation;

    fn index(&self, index: usize) -> &Operation {
        let chunk = self.shelf().chunk_of(index);
        &chunk.operations[index - chunk.range.start]
    }
}

/// Of one migration.
impl Index<Range<usize>> for All {
    type Output = [Operation];

    fn index(&self, range: Range<usize>) -> &[Operation] {
        if range.is_empty() {
            return &[];
        }
        let chunk = self.shelf().chunk_of(range.start);
        &chunk.operations[range.start - chunk.range.start..range.end - chunk.range.start]
    }
}

impl Ranges {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Range<usize>> {
        let shelf = &self.0.0;
        (0..shelf.chunks.len()).map(|migration| &shelf.chunk(migration).range)
    }
}

impl Index<usize> for Ranges {
    type Output = Range<usize>;

    fn index(&self, migration: usize) -> &Range<usize> {
        &self.0.0.chunk(migration).range
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, SearchPath};
    use crate::migration::MigrationSet;
    use crate::plan::{Input, Operations, Past, Plan, Policy, plan};
    use crate::syntax::{ParseOptions, on_large_stack};
    use std::collections::{HashMap, HashSet};

    /// Files that need each other, with faults and warnings between them.
    fn set() -> MigrationSet {
        let files: Vec<(String, String)> = (0..300)
            .map(|n| {
                let text = match n % 10 {
                    3 => format!("create view v{n} as select id from t{}; -- later\n", n + 1),
                    5 => format!("alter table t{} add constraint if not exists c check (id > 0);", n - 1),
                    7 => format!("\\set x\nselect * from t{};", n + 30),
                    9 if n > 250 => format!("select from where {n}"),
                    _ => format!(
                        "create table t{n} (id int, s varchar(9) default 'x' check (s in ('x', 'y')));"
                    ),
                };
                (format!("{n:04}.sql"), text)
            })
            .collect();
        MigrationSet::from_files(files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())), "")
            .unwrap()
    }

    fn planned(ahead: bool) -> (Vec<String>, Plan) {
        on_large_stack(|| {
            let set = set();
            let operations = Operations::read(&set, &ParseOptions::default(), &SearchPath::default(), ahead);
            let plan = plan(&Input {
                set: &set,
                operations: &operations,
                catalog: Catalog::empty(),
                past: &Past::default(),
                policy: &Policy::default(),
                to: None,
                accepted: &HashSet::new(),
                set_aside: &HashMap::new(),
                check: false,
            });
            let identities = operations.all.iter().map(|operation| format!("{:?}", operation.identity));
            (identities.collect(), plan.plan)
        })
    }

    #[test]
    fn a_set_that_is_read_ahead_is_planned_as_one_that_is_read_before() {
        let (identities, plan) = planned(false);
        for _ in 0..3 {
            let (ahead, plan_ahead) = planned(true);
            assert_eq!(ahead, identities);
            assert_eq!(serde_json::to_value(&plan_ahead).unwrap(), serde_json::to_value(&plan).unwrap());
        }
        assert!(plan.refused && plan.steps.iter().any(|step| step.moved));
    }

    #[test]
    fn whoever_asks_for_what_is_not_read_waits_for_it() {
        let set = set();
        let read = || Operations::read(&set, &ParseOptions::default(), &SearchPath::default(), true);
        let count = read().all.len();
        assert_eq!(read().ranges[299].end, count);
        assert_eq!(read().ranges.iter().count(), 300);
        assert_eq!(read().diagnostics().count(), 60);
        let operations = read();
        assert_eq!(operations.all[count - 1].migration, 299);
        assert_eq!(operations.all[0].migration, 0);
        let range = operations.ranges[7].clone();
        assert_eq!(operations.all[range.clone()].len(), range.len());
        drop(read());
    }

    #[test]
    fn trees_are_unpacked_ahead_and_dropped_behind() {
        let set = set();
        let operations = Operations::read(&set, &ParseOptions::default(), &SearchPath::default(), true);
        let shelf = operations.all.shelf();
        let unpacked = |migration: usize| {
            let chunk = shelf.chunk(migration);
            operations.all.with_tree(chunk.range.start, |tree| tree.is_some())
        };
        let until = |migration: usize, is: bool| {
            while unpacked(migration) != is {
                std::thread::yield_now();
            }
        };
        until(AHEAD, true);
        assert!(!unpacked(0) && !unpacked(AHEAD + 1));
        operations.all.arrive(AHEAD);
        until(2 * AHEAD, true);
        until(AHEAD - 1, false);
        assert!(unpacked(AHEAD) && !unpacked(2 * AHEAD + 1));
    }

    #[test]
    fn a_reader_that_panics_leaves_nobody_waiting() {
        let read = |migration: usize, start: usize| {
            assert!(migration < 2, "on purpose");
            Chunk::new(start..start, Vec::new(), Vec::new())
        };
        let (all, ranges) = read_set(3, true, read);
        assert_eq!(ranges[1], 0..0);
        assert!(catch_unwind(AssertUnwindSafe(|| all.len())).is_err());
    }
}
