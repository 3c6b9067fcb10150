//! Where the bytes are while they arrive.

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use bytes::Bytes;

use super::{HoldRules, disk::Disk};

/// A body that has not ended yet.
#[derive(Debug)]
pub(super) struct Keep {
    /// What is in memory: everything, or what the file does not have yet.
    memory: Vec<u8>,
    memory_bytes: usize,
    folder: Option<PathBuf>,
    file: Option<File>,
    in_file: u64,
    disk: Disk,
}

/// A whole body, to be read.
#[derive(Debug, Clone)]
pub(super) enum KeptBody {
    /// All of it.
    Memory(Bytes),
    /// A file without a name, and how many bytes there are in it. Each reader counts its own place.
    File(Arc<File>, u64),
}

/// Most bodies of unknown length are smaller: more is made room for when it is needed.
const SMALL_BYTES: usize = 16 * 1024;

/// Written to the file at once: large enough that a hand-over to another thread does not count.
const WRITE_BYTES: usize = 256 * 1024;

impl Keep {
    pub(super) fn new(announced: u64, rules: &HoldRules, disk: &Disk) -> Self {
        let room = usize::try_from(announced).unwrap_or(usize::MAX).min(rules.memory_bytes);
        Self {
            memory: Vec::with_capacity(room),
            memory_bytes: rules.memory_bytes,
            folder: rules.folder.clone(),
            file: None,
            in_file: 0,
            disk: disk.clone(),
        }
    }

    /// Adds the next bytes. They are copied: a small part would else keep the whole buffer alive
    /// that it was read into.
    pub(super) async fn add(&mut self, data: &[u8]) -> io::Result<()> {
        let most = if self.file.is_some() { WRITE_BYTES } else { self.memory_bytes };
        if self.memory.len() + data.len() > most {
            self.write().await?;
        }
        self.make_room(data.len());
        self.memory.extend_from_slice(data);
        Ok(())
    }

    /// The full capacity at once: doubling a buffer needs both copies each time, and untouched
    /// pages take no memory.
    fn make_room(&mut self, bytes: usize) {
        let wanted = self.memory.len() + bytes;
        if wanted > self.memory.capacity() {
            let most = if self.file.is_some() { WRITE_BYTES } else { self.memory_bytes };
            let room = if wanted > SMALL_BYTES { most.max(wanted) } else { SMALL_BYTES };
            self.memory.reserve_exact(room - self.memory.len());
        }
    }

    pub(super) async fn finish(mut self) -> io::Result<KeptBody> {
        if self.file.is_none() {
            return Ok(KeptBody::Memory(self.memory.into()));
        }
        self.write().await?;
        let file = self.file.take().ok_or(io::ErrorKind::NotFound)?;
        Ok(KeptBody::File(Arc::new(file), self.in_file))
    }

    /// Moves what is in memory to the file. A worker never waits for a disk itself.
    async fn write(&mut self) -> io::Result<()> {
        let (file, folder) = (self.file.take(), self.folder.clone());
        let bytes = std::mem::take(&mut self.memory);
        self.in_file += bytes.len() as u64;
        let written = self.disk.run(move || {
            let mut file = match (file, folder) {
                (Some(file), _) => file,
                (None, Some(folder)) => tempfile::tempfile_in(folder)?,
                (None, None) => tempfile::tempfile()?,
            };
            file.write_all(&bytes)?;
            Ok((file, bytes))
        });
        let (file, mut bytes) = written.await?;
        if bytes.capacity() > WRITE_BYTES {
            // Here, where it was allocated: the other thread would keep what is given back there.
            bytes = Vec::new();
        }
        bytes.clear();
        (self.file, self.memory) = (Some(file), bytes);
        Ok(())
    }
}

impl KeptBody {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    pub(super) fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Self::Memory(bytes) => Some(bytes),
            Self::File(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::FileExt, time::Duration};

    use super::*;

    fn rules(memory_bytes: usize, folder: &tempfile::TempDir) -> HoldRules {
        HoldRules {
            max_bytes: u64::MAX,
            memory_bytes,
            stall_after: Duration::MAX,
            bytes_per_second: 0,
            copies: 1,
            folder: Some(folder.path().to_owned()),
        }
    }

    async fn kept(rules: &HoldRules, announced: u64, parts: &[&[u8]]) -> KeptBody {
        let mut keep = Keep::new(announced, rules, &Disk::new());
        for part in parts {
            keep.add(part).await.unwrap();
        }
        keep.finish().await.unwrap()
    }

    #[tokio::test]
    async fn up_to_the_threshold_it_stays_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let kept = kept(&rules(6, &folder), 0, &[b"abc", b"", b"def"]).await;
        assert_eq!(kept.in_memory(), Some(&b"abcdef"[..]));
    }

    #[tokio::test]
    async fn above_it_all_of_it_is_in_a_file_that_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let large = vec![7_u8; 3 * WRITE_BYTES];
        let kept = kept(&rules(5, &folder), 10, &[b"abc", b"def", &large, b"end"]).await;
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let KeptBody::File(file, length) = kept else { panic!("in memory") };
        let mut content = vec![0; usize::try_from(length).unwrap()];
        file.read_exact_at(&mut content, 0).unwrap();
        assert_eq!(file.metadata().unwrap().len(), length);
        assert_eq!(content, [&b"abcdef"[..], &large, b"end"].concat());
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let rules = rules(1, &folder);
        drop(folder);
        assert!(Keep::new(0, &rules, &Disk::new()).add(b"abc").await.is_err());
    }
}
