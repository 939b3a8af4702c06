//! Operations on the database file: check it, copy it while a server runs, restore it.
//!
//! In the path: `parlour db` calls these. `serve` holds a [`Presence`] for as long as it runs.
//!
//! Invariants: nothing that exists is overwritten. What is replaced is kept, even if the replacement is interrupted at
//! any point. A copy gets its name only when it is complete, checked and synced, and only its owner may read it.
//! Nothing is put into the folder of a running server.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::convert::{store_error, unsigned};
use super::migrations;
use super::open::{FILE, connect, empty_log, owners_only};
use crate::store::StoreError;

/// Whoever uses the folder locks this file. The kernel unlocks it when the process ends, however it ends.
const LOCK: &str = "parlour.lock";

/// The files that belong together: the database, its log, and the index of the log.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// The contents of a sound database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// The version of its schema.
    pub version: u32,
    /// The number of visitors.
    pub users: u64,
    /// The number of conversations.
    pub conversations: u64,
    /// The number of messages of both sides.
    pub messages: u64,
    /// The number of answers that are still to be given.
    pub jobs: u64,
}

/// Why there is no copy: one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// Use another file.
    #[error("{}: {error}", path.display())]
    Bad {
        /// The file that was read.
        path: PathBuf,
        /// What is wrong with it.
        error: StoreError,
    },
    /// Name another target.
    #[error("{} is there already: name another file", path.display())]
    Exists {
        /// What would have been overwritten.
        path: PathBuf,
    },
    /// Correct the path.
    #[error("there is no database at {}: name its file, or its folder with --data", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
    },
    /// End the other program, then erase again.
    #[error("everything is erased, but another program reads {} and holds traces in its log: end it (a copy?), then run this again", path.display())]
    LogHeld {
        /// The database.
        path: PathBuf,
    },
    /// Start the server, which upgrades it.
    #[error("{} was written by an earlier version: start the server once, then try again", path.display())]
    Older {
        /// The file.
        path: PathBuf,
    },
    /// Decide what to do with the existing database.
    #[error(
        "{} has a database: give --replace to keep it aside, or another folder with --data",
        folder.display()
    )]
    Occupied {
        /// The data folder.
        folder: PathBuf,
    },
    /// End the server, or wait for the restore.
    #[error("{} is in use by another parlour: end it first, or give another folder with --data", folder.display())]
    Running {
        /// The data folder.
        folder: PathBuf,
    },
    /// Make room or correct the permissions.
    #[error("{} cannot be written ({reason}): make room or change the permissions", path.display())]
    Unwritable {
        /// What was to be written.
        path: PathBuf,
        /// The system's own words.
        reason: String,
    },
}

/// A lock that shows that somebody uses a data folder. It ends when the value is dropped, and with the process.
#[derive(Debug)]
pub struct Presence(#[expect(dead_code, reason = "held, never read")] File);

impl Presence {
    /// Locks the folder for this process: no restore may begin, and no second server, which would not see the messages
    /// of the first. Reading, copying and erasing beside it need no lock.
    ///
    /// # Errors
    /// Another server or a restore is there, or the folder cannot be written to.
    pub fn alone(folder: &Path) -> Result<Self, CopyError> {
        let path = folder.join(LOCK);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = owners_only(&mut options)
            .open(&path)
            .map_err(|error| unwritable(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(CopyError::Running {
                folder: folder.to_owned(),
            }),
            // The file system has no locks. Then only the operator can prevent it.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(Self(file))
            }
            Err(TryLockError::Error(error)) => Err(unwritable(&path, &error)),
        }
    }
}

/// Where the database of a data folder lies.
pub fn file_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Reads the whole database and gives its contents in numbers. It changes nothing.
///
/// # Errors
/// [`CopyError::Missing`], or [`CopyError::Bad`] if the database is damaged, newer, or not ours.
pub fn check(file: &Path) -> Result<Census, CopyError> {
    let connection = open(file)?;
    census(&connection).map_err(|error| bad(file, error))
}

/// Checks that the file exists and has the version that this program writes.
pub(super) fn must_be_ours(file: &Path) -> Result<(), CopyError> {
    let connection = open(file)?;
    let version = migrations::identify(&connection).map_err(|error| bad(file, error))?;
    if version < migrations::known() {
        return Err(CopyError::Older {
            path: file.to_owned(),
        });
    }
    Ok(())
}

/// Moves the log of a folder's database into the file and empties the log, so that what was deleted is in neither. It
/// waits for readers.
///
/// # Errors
/// [`CopyError::LogHeld`] if somebody reads for too long.
pub fn fold_log(folder: &Path) -> Result<(), CopyError> {
    let path = file_in(folder);
    let done = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|connection| empty_log(&connection));
    done.map_err(|error| match error {
        StoreError::Unavailable { .. } => CopyError::LogHeld { path },
        error => CopyError::Bad { path, error },
    })
}

/// Copies the database of a folder to a file, in its state at one moment. A server may run at the same time and is not
/// slowed down.
///
/// # Errors
/// Nothing to copy, a target that exists, or no room. Then there is no target.
pub fn backup(folder: &Path, target: &Path) -> Result<Census, CopyError> {
    if target.exists() {
        return Err(CopyError::Exists {
            path: target.to_owned(),
        });
    }
    let part = beside(target, ".part");
    let census = copy(&file_in(folder), &part)?;
    put(&part, target)?;
    Ok(census)
}

/// Puts a backup into a data folder, which is made if it is missing. Gives the path of the old database and the
/// contents of the new one.
///
/// # Errors
/// A bad backup, a running server, a database that is there (without `replace`); then everything
/// stays as it was.
pub fn restore(
    source: &Path,
    folder: &Path,
    replace: bool,
) -> Result<(Census, Option<PathBuf>), CopyError> {
    check(source)?;
    make_folder(folder).map_err(|error| unwritable(folder, &error))?;
    let _alone = Presence::alone(folder)?;
    let file = file_in(folder);
    let occupied = PARTS.iter().any(|end| beside(&file, end).exists());
    if occupied && !replace {
        return Err(CopyError::Occupied {
            folder: folder.to_owned(),
        });
    }
    let part = beside(&file, ".part");
    let census = copy(source, &part)?;
    let kept = occupied.then(|| free_name(&file));
    // A damaged database is not written to. It is kept as it is, together with its log.
    if kept.is_some() && check(&file).is_ok() {
        fold(&file);
    }
    swap(&part, &file, kept.as_deref())?;
    Ok((census, kept))
}

/// Moves the log into the file, so that the file alone holds everything. If that fails, the log is kept beside it.
fn fold(file: &Path) {
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE);
    drop(connection.and_then(|connection| empty_log(&connection)));
}

/// Gives a finished copy the name of the database, and gives the old database the name `kept`. After an error
/// everything has its old name.
fn swap(part: &Path, file: &Path, kept: Option<&Path>) -> Result<(), CopyError> {
    let swapped = kept
        .map_or(Ok(()), |kept| set_aside(file, kept))
        .and_then(|()| fs::rename(part, file));
    if let Err(error) = swapped {
        if let Some(kept) = kept {
            take_back(kept, file);
        }
        drop(fs::remove_file(part));
        return Err(unwritable(file, &error));
    }
    sync_folder(file)
}

/// Gives the database a second name with all its parts, and only then removes its log. If this is interrupted at any
/// point, one of the names has everything.
fn set_aside(file: &Path, kept: &Path) -> io::Result<()> {
    // The log comes first. On a file system without second names (FAT), a start must not find a log without its
    // database, because SQLite deletes such a log.
    for end in PARTS.iter().rev() {
        let (from, to) = (beside(file, end), beside(kept, end));
        if from.exists() {
            fs::hard_link(&from, &to).or_else(|_| fs::rename(&from, &to))?;
        }
    }
    sync_folder(kept).map_err(io::Error::other)?;
    for end in &PARTS[1..] {
        let log = beside(file, end);
        if log.exists() {
            fs::remove_file(log)?;
        }
    }
    Ok(())
}

/// Undoes what [`set_aside`] has done so far.
fn take_back(kept: &Path, file: &Path) {
    for end in PARTS {
        let (from, to) = (beside(kept, end), beside(file, end));
        // A file with both names loses the second.
        drop(if to.exists() {
            fs::remove_file(from)
        } else {
            fs::rename(from, to)
        });
    }
}

/// Makes a complete, checked and synced copy at `part`. It is one read transaction of SQLite, so it has the state of
/// one moment. It is packed: free pages are left out.
fn copy(source: &Path, part: &Path) -> Result<Census, CopyError> {
    let connection = open(source)?;
    census(&connection).map_err(|error| bad(source, error))?;
    // A copy that was interrupted left this.
    drop(fs::remove_file(part));
    let copied = || {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let file = owners_only(&mut options)
            .open(part)
            .map_err(|error| unwritable(part, &error))?;
        let name = part.to_str().ok_or_else(|| CopyError::Unwritable {
            path: part.to_owned(),
            reason: "its name is not UTF-8".to_owned(),
        })?;
        connection
            .execute("VACUUM INTO ?1", [name])
            .map_err(|error| CopyError::Unwritable {
                path: part.to_owned(),
                reason: store_error(error).to_string(),
            })?;
        file.sync_all().map_err(|error| unwritable(part, &error))?;
        check(part)
    };
    copied().inspect_err(|_| drop(fs::remove_file(part)))
}

/// Gives a finished copy its name.
fn put(part: &Path, target: &Path) -> Result<(), CopyError> {
    fs::rename(part, target).map_err(|error| unwritable(target, &error))?;
    sync_folder(target)
}

/// The name of a file is on the disk once its folder is synced. Only Unix can open folders.
fn sync_folder(target: &Path) -> Result<(), CopyError> {
    let folder = target.parent().filter(|it| !it.as_os_str().is_empty());
    #[cfg(unix)]
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(|error| unwritable(target, &error))?;
    #[cfg(not(unix))]
    drop(folder);
    Ok(())
}

fn open(file: &Path) -> Result<Connection, CopyError> {
    if !file.is_file() {
        return Err(CopyError::Missing {
            path: file.to_owned(),
        });
    }
    connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| bad(file, error))
}

fn census(connection: &Connection) -> Result<Census, StoreError> {
    let version = migrations::identify(connection)?;
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(store_error)?;
    if found != "ok" || version == 0 {
        return Err(StoreError::Corrupt {
            reason: "its inner check failed".to_owned(),
        });
    }
    let counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM conversations),
                         (SELECT count(*) FROM messages), (SELECT count(*) FROM jobs)";
    connection
        .query_row(counts, [], |row| {
            Ok(Census {
                version,
                users: unsigned(row, 0)?,
                conversations: unsigned(row, 1)?,
                messages: unsigned(row, 2)?,
                jobs: unsigned(row, 3)?,
            })
        })
        .map_err(store_error)
}

/// The first of `parlour.db.old`, `parlour.db.old-2`, … that is free.
fn free_name(file: &Path) -> PathBuf {
    let names = (1_u32..).map(|number| match number {
        1 => beside(file, ".old"),
        more => beside(file, &format!(".old-{more}")),
    });
    let mut free = names.filter(|name| PARTS.iter().all(|end| !beside(name, end).exists()));
    free.next().unwrap_or_else(|| beside(file, ".old"))
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn bad(path: &Path, error: StoreError) -> CopyError {
    CopyError::Bad {
        path: path.to_owned(),
        error,
    }
}

fn unwritable(path: &Path, error: &io::Error) -> CopyError {
    CopyError::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Ids as _, RandomIds};

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("parlour-copy-{}", RandomIds.uuid()));
        make_folder(&folder).unwrap();
        folder
    }

    /// A database of one visitor, as a killed server leaves it: all of its data is in the log only.
    fn killed(folder: &Path) -> PathBuf {
        let origin = file_in(&self::folder());
        let mut connection = Connection::open(&origin).unwrap();
        let wal = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;";
        connection.execute_batch(wal).unwrap();
        migrations::run(&mut connection).unwrap();
        let ann = "INSERT INTO users (id, app, identity, created) VALUES ('u-1', 'cs-1', 'ann', 1)";
        connection.execute_batch(ann).unwrap();
        let file = file_in(folder);
        for end in ["", "-wal"] {
            fs::copy(beside(&origin, end), beside(&file, end)).unwrap();
        }
        file
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_only_the_log_held_is_in_the_file_that_is_kept() {
        let (old, new) = (folder(), folder());
        let backup = new.join("backup.db");
        killed(&new);
        super::backup(&new, &backup).unwrap();
        killed(&old);
        let (_, kept) = restore(&backup, &old, true).unwrap();
        assert_eq!(names(&old), [FILE, "parlour.db.old", LOCK]);
        // This is the state if a restore is interrupted before the log is moved.
        let alone = file_in(&folder());
        fs::copy(kept.unwrap(), &alone).unwrap();
        assert_eq!(check(&alone).unwrap().users, 1);
    }

    #[test]
    fn a_damaged_database_is_kept_with_its_log() {
        let (old, new) = (folder(), folder());
        let backup = new.join("backup.db");
        killed(&new);
        super::backup(&new, &backup).unwrap();
        fs::write(old.join(FILE), "no database").unwrap();
        fs::write(old.join("parlour.db-wal"), "no log").unwrap();
        restore(&backup, &old, true).unwrap();
        let log = fs::read(old.join("parlour.db.old-wal")).unwrap();
        assert_eq!(log, b"no log");
        assert_eq!(check(&old.join(FILE)).unwrap().users, 1);
    }

    #[test]
    fn a_failed_replacement_leaves_database_and_log_where_they_were() {
        let folder = folder();
        let file = killed(&folder);
        let before = names(&folder);
        let (part, kept) = (beside(&file, ".part"), beside(&file, ".old"));
        // There is no part, so the last step fails.
        swap(&part, &file, Some(&kept)).unwrap_err();
        assert_eq!(names(&folder), before);
        assert_eq!(check(&file).unwrap().users, 1);
    }
}
