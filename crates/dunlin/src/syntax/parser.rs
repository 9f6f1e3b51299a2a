//! The call of libpg_query. The crate `pg_query` links the C library but drops the position of an error,
//! so the C functions are declared here once more.

use super::PackedTree;
use crate::source::Span;
use pg_query::protobuf;
use prost::Message;
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Stacks for parsing and for walking trees, the first that can be had. Only address space: pages are
/// taken when they are touched. The smallest is enough for parsing the deepest tree that libpg_query gives.
const STACK_BYTES: [usize; 2] = [256 << 20, 48 << 20];

/// A kind of text that the grammar can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mode {
    /// `standard_conforming_strings = off` is in force.
    pub backslash_strings: bool,
}

/// Why a text has no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The grammar does not accept it; the byte offset of the place in the text, if it is known.
    Syntax { message: String, at: Option<usize> },
    /// It is too large or too deep to be read here, which says nothing about its being valid.
    Limit(String),
}

#[repr(C)]
struct PgQueryError {
    message: *mut c_char,
    funcname: *mut c_char,
    filename: *mut c_char,
    lineno: c_int,
    cursorpos: c_int,
    context: *mut c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct PgQueryProtobuf {
    len: usize,
    data: *mut c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct PgQueryProtobufParseResult {
    parse_tree: PgQueryProtobuf,
    stderr_buffer: *mut c_char,
    error: *mut PgQueryError,
}

unsafe extern "C" {
    fn pg_query_parse_protobuf_opts(input: *const c_char, options: c_int) -> PgQueryProtobufParseResult;
    fn pg_query_free_protobuf_parse_result(result: PgQueryProtobufParseResult);
}

/// libpg_query redirects the whole process's stderr while it parses. Two threads at once would leave
/// stderr pointing at the other one's closed pipe for good.
static STDERR: Mutex<()> = Mutex::new(());

/// A parse takes microseconds: whoever waits for another one's does not go to sleep at once.
fn stderr() -> MutexGuard<'static, ()> {
    for _ in 0..50 {
        match STDERR.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => (0..20).for_each(|_| std::hint::spin_loop()),
        }
    }
    STDERR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frees the result also when decoding panics.
struct Owned(PgQueryProtobufParseResult);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the result came from `pg_query_parse_protobuf_opts` and is freed once, here.
        unsafe { pg_query_free_protobuf_parse_result(self.0) }
    }
}

/// What libpg_query gives for a text.
#[derive(Debug)]
pub(super) enum Parsed {
    /// One statement.
    One(PackedTree),
    /// None, or several.
    Several(Vec<protobuf::RawStmt>),
}

impl Parsed {
    /// Gives the tree if it is that of one statement.
    pub fn one(self) -> Option<PackedTree> {
        match self {
            Parsed::One(tree) => Some(tree),
            Parsed::Several(_) => None,
        }
    }
}

/// Parses `text` with the real grammar and gives the trees. Call it inside [`on_large_stack`].
pub(super) fn parse_raw(text: &str, mode: Mode) -> Result<Vec<protobuf::RawStmt>, Refusal> {
    parse_bytes(text, mode, decode)
}

/// Parses `text` with the real grammar; the tree of one statement stays packed. Call it inside [`on_large_stack`].
pub(super) fn parse_packed(text: &str, mode: Mode) -> Result<Parsed, Refusal> {
    parse_bytes(text, mode, |bytes| match PackedTree::new(bytes) {
        Some(tree) => Ok(Parsed::One(tree)),
        None => decode(bytes).map(Parsed::Several),
    })
}

/// Parses `text` with the real grammar and gives the trees of its statements with the part of the text that each
/// comes from; none where one cannot be read. Call it inside [`on_large_stack`].
pub(super) fn parse_all(text: &str) -> Option<Vec<(Span, PackedTree)>> {
    parse_bytes(text, Mode::default(), |bytes| Ok(PackedTree::all(bytes))).ok().flatten()
}

fn decode(bytes: &[u8]) -> Result<Vec<protobuf::RawStmt>, Refusal> {
    match protobuf::ParseResult::decode(bytes) {
        Ok(tree) => Ok(tree.stmts),
        Err(error) => Err(Refusal::Limit(error.to_string())),
    }
}

fn parse_bytes<T>(
    text: &str,
    mode: Mode,
    read: impl FnOnce(&[u8]) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let Ok(input) = CString::new(text) else {
        let at = text.find('\0');
        return Err(Refusal::Syntax { message: "NUL byte in the text".into(), at });
    };
    let options = if mode.backslash_strings { 32 } else { 0 };
    let result = {
        let _guard = stderr();
        // SAFETY: `input` ends in NUL and lives through the call, which keeps no pointer to it.
        Owned(unsafe { pg_query_parse_protobuf_opts(input.as_ptr(), options) })
    };
    if !result.0.error.is_null() {
        // SAFETY: the error lives as long as `result`, its message is a NUL-ended string.
        let (message, cursor) = unsafe {
            let error = &*result.0.error;
            (CStr::from_ptr(error.message).to_string_lossy().into_owned(), error.cursorpos)
        };
        return Err(refusal(text, message, cursor));
    }
    let PgQueryProtobuf { len, data } = result.0.parse_tree;
    if data.is_null() {
        return read(&[]);
    }
    // SAFETY: without an error, `data` holds `len` bytes until `result` is freed.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
    read(bytes)
}

/// Gives libpg_query's fingerprint of a statement: the same for two that differ in constants and white space only.
/// None where the grammar does not accept the text.
pub fn fingerprint(text: &str) -> Option<u64> {
    let _guard = stderr();
    pg_query::fingerprint(text, pg_query::ParserOptions::default(), pg_query::FingerprintOptions::default())
        .ok()
        .map(|fingerprint| fingerprint.value)
}

fn refusal(text: &str, message: String, cursor: c_int) -> Refusal {
    const LIMITS: [&str; 5] = [
        "stack depth limit exceeded",
        "nested too deeply",
        "memory exhausted",
        "out of memory",
        "too many open file descriptors",
    ];
    // What stands behind "near" is the user's text and could hold the same words.
    if LIMITS
        .iter()
        .any(|limit| message.split(" at or near ").next().is_some_and(|head| head.contains(limit)))
    {
        return Refusal::Limit(format!("too large or nested too deep to be read: {message}"));
    }
    // The position counts characters from 1.
    let at = usize::try_from(cursor)
        .ok()
        .filter(|cursor| *cursor > 0)
        .map(|cursor| text.char_indices().nth(cursor - 1).map_or(text.len(), |(at, _)| at));
    Refusal::Syntax { message, at }
}

thread_local! {
    static ON_LARGE_STACK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with a stack that the deepest tree does not exhaust; nested calls cost nothing.
///
/// Whatever walks parse trees recursively belongs inside, since a chain of 4,000 operators is a tree of
/// that depth. Wrap whole files or sets: each outermost call starts a thread.
pub fn on_large_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if ON_LARGE_STACK.get() {
        return work();
    }
    // In a cell, so that it can still run here when no thread can be had.
    let work = Mutex::new(Some(work));
    let run = || {
        let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        work.map(|work| work())
    };
    let done = std::thread::scope(|scope| {
        for bytes in STACK_BYTES {
            let spawned = std::thread::Builder::new().stack_size(bytes).spawn_scoped(scope, || {
                ON_LARGE_STACK.set(true);
                run()
            });
            match spawned.map(|thread| thread.join()) {
                Ok(Ok(result)) => return result,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(_) => {}
            }
        }
        run()
    });
    match done {
        Some(result) => result,
        None => unreachable!("the work runs in the thread, or here when there is no thread"),
    }
}

/// Starts a thread with such a stack; false where none can be had.
pub(crate) fn spawn_on_large_stack(work: impl FnOnce() + Send + 'static) -> bool {
    // In a cell, so that a second try has it still.
    let work = Arc::new(Mutex::new(Some(work)));
    STACK_BYTES.iter().any(|bytes| {
        let work = work.clone();
        let run = move || {
            ON_LARGE_STACK.set(true);
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(work) = work {
                work();
            }
        };
        std::thread::Builder::new().stack_size(*bytes).spawn(run).is_ok()
    })
}

/// Drops something large while the caller goes on.
pub(crate) fn drop_aside(value: impl Send + 'static) {
    // Where no thread can be had, it is dropped here.
    spawn_on_large_stack(move || drop(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<usize, Refusal> {
        on_large_stack(|| parse_raw(text, Mode::default()).map(|stmts| stmts.len()))
    }

    #[test]
    fn deep_trees_are_read_and_dropped_and_deeper_ones_are_a_limit() {
        for terms in [60, 2000, 4000] {
            let text = format!("select {}", vec!["a"; terms].join("||"));
            let tree = on_large_stack(|| parse_raw(&text, Mode::default()));
            assert_eq!(tree.as_ref().map(Vec::len), Ok(1), "{terms}");
            drop(tree);
        }
        let text = format!("select {}", vec!["a"; 100_000].join("||"));
        assert!(matches!(parse(&text), Err(Refusal::Limit(_))), "{:?}", parse(&text));
        let text = format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(matches!(parse(&text), Err(Refusal::Limit(_))), "{:?}", parse(&text));
    }

    #[test]
    fn fingerprints_are_those_of_statements_without_their_constants() {
        assert_eq!(fingerprint("select a from t where b = 1"), fingerprint("SELECT a FROM t  WHERE b = 2"));
        assert_ne!(fingerprint("select a from t"), fingerprint("select b from t"));
        assert_eq!(fingerprint("select from from"), None);
    }

    #[test]
    fn an_error_keeps_its_position_in_bytes() {
        let Err(Refusal::Syntax { message, at }) = parse("select 'é', fro from from x") else { panic!() };
        assert_eq!(message, "syntax error at or near \"from\"");
        assert_eq!(at, Some("select 'é', fro from ".len()));
    }

    #[test]
    fn backslash_strings_are_asked_for() {
        let mode = Mode { backslash_strings: true };
        assert_eq!(parse_raw(r"select 'a\'b'", mode).map(|stmts| stmts.len()), Ok(1));
        assert!(parse_raw(r"select 'a\'b'", Mode::default()).is_err());
        assert_eq!(on_large_stack(|| on_large_stack(|| 3)), 3);
    }
}
