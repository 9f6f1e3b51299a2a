//! The data of a cluster: made by `initdb`, or copied from one that `initdb` made before.
//!
//! `initdb` takes a second, a copy a few hundredths of one. The cached cluster has never been started, so all copies
//! are alike. The cache belongs to the user who runs Dunlin and is used only if nobody else can write to it.

use super::account::Account;
use super::binaries::Binaries;
use super::home::{Directory, Home};
use super::{EmbeddedError, EmbeddedOptions, SUPERUSER};
use std::fs::DirBuilder;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Collation by bytes, since it is the same everywhere; character classes of Unicode, where the system has them.
const LOCALES: [&[&str]; 2] = [&["--locale=C", "--lc-ctype=C.UTF-8"], &["--locale=C"]];
const COMMON: [&str; 3] = ["--encoding=UTF8", "--auth=trust", "--no-instructions"];
/// A segment of 1 MB instead of 16 is what makes the copy quick.
const QUICK: [&str; 2] = ["--no-sync", "--wal-segsize=1"];

/// Gives the data of the user's directory, made at its first use.
pub(super) fn in_directory(
    directory: &Directory,
    binaries: &Binaries,
    account: &Account,
) -> Result<PathBuf, EmbeddedError> {
    let data = directory.data();
    if directory.major().is_some() {
        return Ok(data);
    }
    // A cluster that is half made has another name, so that it is never taken for a whole one.
    let unfinished = data.with_extension("new");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(EmbeddedError::io("remove", &unfinished))?;
    }
    make_private(&unfinished)?;
    account.own(&unfinished)?;
    initdb(&unfinished, &[], binaries, account)?;
    std::fs::rename(&unfinished, &data).map_err(EmbeddedError::io("rename", &unfinished))?;
    Ok(data)
}

/// Makes the data of a temporary cluster; says whether it came from the cache.
pub(super) fn temporary(
    home: &Home,
    options: &EmbeddedOptions,
    binaries: &Binaries,
    account: &Account,
) -> Result<(PathBuf, bool), EmbeddedError> {
    let data = home.path().join("data");
    if options.fsync {
        // What is measured shall have segments of the usual size.
        initdb(&data, &["--no-sync"], binaries, account)?;
        return Ok((data, false));
    }
    let caches = options.cache.clone().map_or_else(usual_caches, |cache| vec![cache]);
    let Some(cache) = caches.into_iter().find(|cache| is_trusted(cache)) else {
        initdb(&data, &QUICK, binaries, account)?;
        return Ok((data, false));
    };
    let template = cache.join(template_name(binaries));
    if is_private(&template) {
        copy_tree(&template, &data, Some(account)).map_err(EmbeddedError::io("copy", &template))?;
        return Ok((data, true));
    }
    initdb(&data, &QUICK, binaries, account)?;
    // Without a cached copy the next start is slower, and nothing else is wrong.
    let _ = publish(&data, &template, &cache);
    Ok((data, false))
}

fn initdb(data: &Path, extra: &[&str], binaries: &Binaries, account: &Account) -> Result<(), EmbeddedError> {
    let program = binaries.program("initdb");
    let mut failure = String::new();
    for locale in LOCALES {
        let mut command = account.command(&program);
        command.arg("-D").arg(data).args(["-U", SUPERUSER]).args(COMMON).args(locale).args(extra);
        let output = command.output().map_err(EmbeddedError::io("run", &program))?;
        if output.status.success() {
            return Ok(());
        }
        // The first failure is the one to show; a second attempt is only for systems without C.UTF-8.
        if failure.is_empty() {
            failure = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        }
    }
    Err(EmbeddedError::Initdb { output: failure })
}

/// Names a template after all that its content depends on.
fn template_name(binaries: &Binaries) -> String {
    let mut hasher = DefaultHasher::new();
    (&binaries.directory, &binaries.version, LOCALES, COMMON, QUICK, SUPERUSER).hash(&mut hasher);
    if let Ok(program) = binaries.program("postgres").metadata() {
        (program.len(), program.mtime(), program.mtime_nsec()).hash(&mut hasher);
    }
    format!("{}-{:016x}", binaries.version, hasher.finish())
}

/// Puts a copy of `data` into the cache. It gets its name when it is whole and on disk, so that two processes that do
/// this at once, a crash or a power failure cannot leave half a template.
fn publish(data: &Path, template: &Path, cache: &Path) -> std::io::Result<()> {
    remove_unfinished(cache);
    let unfinished = cache.join(format!("new-{:016x}", fastrand::u64(..)));
    let published = copy_tree(data, &unfinished, None)
        .and_then(|()| sync(&unfinished))
        .and_then(|()| std::fs::rename(&unfinished, template));
    if published.is_err() {
        let _ = std::fs::remove_dir_all(&unfinished);
    }
    published
}

/// Removes what publishers that were killed left behind.
fn remove_unfinished(cache: &Path) {
    let old = |entry: &std::fs::DirEntry| {
        let modified = entry.metadata().and_then(|data| data.modified()).ok();
        modified.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > Duration::from_secs(3600))
    };
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b"new-") && old(&entry) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(target_os = "linux")]
fn sync(path: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(std::fs::File::open(path)?)?)
}

#[cfg(not(target_os = "linux"))]
fn sync(_: &Path) -> std::io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

/// Where the cache can be: the system's for root, the user's, and for a user without a home folder a temporary one.
fn usual_caches() -> Vec<PathBuf> {
    let user = rustix::process::geteuid();
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_system = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    let root =
        (user.is_root() && Path::new("/var/cache").is_dir()).then(|| PathBuf::from("/var/cache/dunlin"));
    let home = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(of_system)));
    let temporary = std::env::temp_dir().join(format!("dunlin-cache-{}", user.as_raw()));
    root.into_iter().chain(home.map(|home| home.join("dunlin"))).chain([temporary]).collect()
}

/// Makes the cache directory if need be, and says whether it is ours alone.
fn is_trusted(cache: &Path) -> bool {
    if let Some(parent) = cache.parent() {
        let _ = std::fs::create_dir_all(parent);
    }
    let _ = make_private(cache);
    is_private(cache)
}

fn make_private(directory: &Path) -> Result<(), EmbeddedError> {
    DirBuilder::new().mode(0o700).create(directory).map_err(EmbeddedError::io("make", directory))
}

/// Says whether it is a directory, no link, that belongs to this user and that nobody else can write to.
fn is_private(directory: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    directory
        .symlink_metadata()
        .is_ok_and(|data| data.is_dir() && data.uid() == user && data.mode() & 0o022 == 0)
}

/// Copies a cluster that was never started, which holds nothing but directories and plain files.
fn copy_tree(from: &Path, to: &Path, owner: Option<&Account>) -> std::io::Result<()> {
    let own = |path: &Path| match owner {
        Some(account) => account.own(path).map_err(std::io::Error::other),
        None => Ok(()),
    };
    DirBuilder::new().mode(0o700).create(to)?;
    own(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_tree(&source, &target, owner)?;
        } else {
            std::fs::copy(&source, &target)?;
            own(&target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_found_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let (data, cache) = (parent.path().join("data"), parent.path().join("cache"));
        std::fs::create_dir_all(data.join("base/1")).unwrap();
        std::fs::write(data.join("base/1/2619"), "x").unwrap();
        assert!(is_trusted(&cache));
        let template = cache.join("15.1");
        publish(&data, &template, &cache).unwrap();
        assert_eq!(std::fs::read(template.join("base/1/2619")).unwrap(), b"x");
        publish(&data, &template, &cache).expect_err("another one was first");
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1, "nothing unfinished stays");
    }

    #[test]
    fn a_link_is_not_trusted() {
        let parent = tempfile::tempdir().unwrap();
        let link = parent.path().join("cache");
        std::os::unix::fs::symlink(parent.path(), &link).unwrap();
        assert!(!is_trusted(&link));
    }

    #[test]
    fn a_template_is_for_one_version() {
        let of = |version: &str| {
            let directory = PathBuf::from("/nowhere");
            template_name(&Binaries { directory, version: version.to_owned(), major: 15 })
        };
        assert_ne!(of("15.1"), of("15.2"));
        assert_eq!(of("15.1"), of("15.1"));
    }
}
