//! Directories of an embedded cluster, and who holds them.
//!
//! A *home* is a short-lived directory for the socket, the log and the data of a temporary cluster. A *directory* is
//! the one that the user named, whose data stays. Both hold a file with a `flock` on it, which the watchdog shares:
//! the lock is free only when the server has ended too.

use super::EmbeddedError;
use super::account::Account;
use super::binaries::Binaries;
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The port of every embedded cluster: it is part of the socket's name, and each has its own directory.
pub(super) const PORT: u16 = 5432;

const PREFIX: &str = "dunlin-pg-";
const LOCK: &str = "dunlin.lock";
/// The longest socket path that all systems take: `sun_path` has 104 bytes on macOS, 108 on Linux.
const SOCKET_LIMIT: usize = 103;
/// How long a server may take to end after its owner was killed.
const ENDING_TIME: Duration = Duration::from_secs(30);
/// How long a living owner may have the lock: a process that another thread is just starting has it too, for an instant.
const FORKING_TIME: Duration = Duration::from_millis(100);
/// A home that is younger may belong to a process that is about to lock it.
const SETTLED: Duration = Duration::from_secs(60);

/// The temporary directory of one server.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    lock: File,
}

impl Home {
    /// Makes a new home that only the server's user can enter.
    pub(super) fn create(account: &Account) -> Result<Self, EmbeddedError> {
        let mut tried = Vec::new();
        for parent in temporary_directories(account) {
            for _ in 0..16 {
                let path = parent.join(format!("{PREFIX}{:08x}", fastrand::u32(..)));
                if socket_length(&path) > SOCKET_LIMIT || DirBuilder::new().mode(0o700).create(&path).is_err()
                {
                    continue;
                }
                let lock = lock_file(&path)?;
                rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
                    .map_err(|error| EmbeddedError::io("lock", &path)(error.into()))?;
                account.own(&path)?;
                return Ok(Self { path, lock });
            }
            tried.push(parent);
        }
        Err(EmbeddedError::NoTemporary { tried })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives a second handle of the lock, for the watchdog.
    pub(super) fn lock(&self) -> Result<File, EmbeddedError> {
        self.lock.try_clone().map_err(EmbeddedError::io("use", &self.path))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The watchdog has usually done it. What neither could remove is swept at a later start.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Lists where homes can be, the best first. A server of another user can remove its home only from a directory that
/// is open to everybody, so such a one it has to be.
fn temporary_directories(account: &Account) -> Vec<PathBuf> {
    let mut candidates = vec![std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    candidates.dedup();
    candidates.retain(|path| {
        path.is_absolute() && socket_length(&path.join(format!("{PREFIX}01234567"))) <= SOCKET_LIMIT
    });
    if account.switched {
        let open = |path: &Path| path.metadata().is_ok_and(|data| data.mode() & 0o777 == 0o777);
        candidates.retain(|path| account.barred_at(path).is_none() && open(path));
    }
    candidates
}

fn socket_length(home: &Path) -> usize {
    home.as_os_str().len() + format!("/.s.PGSQL.{PORT}").len()
}

fn lock_file(directory: &Path) -> Result<File, EmbeddedError> {
    let path = directory.join(LOCK);
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(i32::try_from((OFlags::NOFOLLOW | OFlags::CLOEXEC).bits()).unwrap_or_default())
        .open(&path)
        .map_err(EmbeddedError::io("open", &path))
}

/// Removes the homes whose owner and watchdog are both dead (a machine that lost power, a killed container), and ends
/// the servers that still run in them.
pub(super) fn sweep(account: &Account) {
    for parent in temporary_directories(account) {
        let Ok(entries) = std::fs::read_dir(&parent) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) && is_abandoned(&entry.path(), account)
            {
                end_orphan(&entry.path());
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// Says whether a home is this account's, not brand-new, and nobody holds its lock.
fn is_abandoned(home: &Path, account: &Account) -> bool {
    let settled = |data: &std::fs::Metadata| {
        data.modified().ok().and_then(|time| time.elapsed().ok()).is_some_and(|age| age > SETTLED)
    };
    let Ok(data) = home.symlink_metadata() else { return false };
    if !data.is_dir() || data.uid() != account.uid || data.mode() & 0o077 != 0 || !settled(&data) {
        return false;
    }
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(lock) = rustix::fs::open(home.join(LOCK), flags, Mode::empty()) else { return false };
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Ends a server that runs in an abandoned home. Only where `/proc` proves that the process is that server: the
/// number may be another process's by now.
fn end_orphan(home: &Path) {
    let Ok(file) = std::fs::read_to_string(home.join("data/postmaster.pid")) else { return };
    let Some(number) = file.lines().next().and_then(|line| line.parse().ok()) else { return };
    let Ok(command_line) = std::fs::read(format!("/proc/{number}/cmdline")) else { return };
    if String::from_utf8_lossy(&command_line).contains(&*home.to_string_lossy())
        && let Some(process) = rustix::process::Pid::from_raw(number)
    {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::QUIT);
    }
}

/// The directory that the user named, locked.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    lock: File,
}

impl Directory {
    /// Makes the directory if it is not there, and locks it.
    pub(super) fn open(path: &Path, account: &Account) -> Result<Self, EmbeddedError> {
        let path = std::path::absolute(path).map_err(EmbeddedError::io("use", path))?;
        if !path.exists() {
            std::fs::create_dir_all(&path).map_err(EmbeddedError::io("make", &path))?;
            if account.switched {
                let open = Permissions::from_mode(0o755);
                std::fs::set_permissions(&path, open).map_err(EmbeddedError::io("open", &path))?;
            }
        }
        let mut entries = std::fs::read_dir(&path).map_err(EmbeddedError::io("read", &path))?;
        if entries.next().is_some() && !path.join(LOCK).is_file() {
            return Err(EmbeddedError::NotOurs { directory: path });
        }
        account.check_reaches(&path)?;
        let mut lock = lock_file(&path)?;
        wait_for(&mut lock, &path)?;
        let written = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        written.map_err(EmbeddedError::io("write", &path.join(LOCK)))?;
        Ok(Self { path, lock })
    }

    /// Where the cluster is.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn lock(&self) -> Result<File, EmbeddedError> {
        self.lock.try_clone().map_err(EmbeddedError::io("use", &self.path))
    }

    /// Reads the major version that made the data; there is none before the first start.
    pub(super) fn major(&self) -> Option<u32> {
        std::fs::read_to_string(self.data().join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// Refuses programs of another major version than the one that made the data.
    pub(super) fn check_major(&self, binaries: &Binaries) -> Result<(), EmbeddedError> {
        match self.major() {
            Some(data) if data != binaries.major => Err(EmbeddedError::OtherMajor {
                directory: self.path.clone(),
                data,
                server: binaries.major,
                bin: binaries.directory.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// Takes the lock. While its owner lives it is in use; when the owner was killed, its server is just ending.
fn wait_for(lock: &mut File, directory: &Path) -> Result<(), EmbeddedError> {
    let begin = Instant::now();
    loop {
        match rustix::fs::flock(&*lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(EmbeddedError::io("lock", directory)(error.into())),
        }
        let pid = owner(lock);
        let patience = if pid.is_some_and(is_alive) { FORKING_TIME } else { ENDING_TIME };
        if begin.elapsed() > patience {
            return Err(EmbeddedError::InUse { directory: directory.to_owned(), pid });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn owner(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn is_alive(pid: u32) -> bool {
    let process = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    process.is_some_and(|process| rustix::process::test_kill_process(process) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(directory: &Path, by: Duration) {
        let time = directory.metadata().unwrap().modified().unwrap() - by;
        File::open(directory).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn only_what_nobody_holds_is_abandoned() {
        let account = Account::for_server();
        let parent = tempfile::tempdir().unwrap();
        let home = parent.path().join("dunlin-pg-1");
        DirBuilder::new().mode(0o700).create(&home).unwrap();
        account.own(&home).unwrap();
        let lock = lock_file(&home).unwrap();
        assert!(!is_abandoned(&home, &account), "it is new");
        age(&home, SETTLED * 2);
        assert!(is_abandoned(&home, &account));
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).unwrap();
        assert!(!is_abandoned(&home, &account), "it is held");
        drop(lock);
        std::fs::set_permissions(&home, Permissions::from_mode(0o777)).unwrap();
        assert!(!is_abandoned(&home, &account), "dunlin does not make such ones");
    }

    #[test]
    fn sockets_have_room() {
        for directory in temporary_directories(&Account::for_server()) {
            assert!(socket_length(&directory.join(format!("{PREFIX}01234567"))) <= SOCKET_LIMIT);
        }
    }
}
