//! The archive: written beside its place and moved there, so that a file is
//! whole or not there.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

/// Writes the files into one archive at `path`. Whoever interrupts it leaves
/// nothing under that name; nothing is overwritten but by force.
pub fn write(path: &Path, files: &[(String, Vec<u8>)], force: bool) -> Result<()> {
    let context = || format!("writing {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = NamedTempFile::new_in(folder).with_context(context)?;
    let mut archive = tar::Builder::new(GzEncoder::new(place, Compression::default()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, content.as_slice()).with_context(context)?;
    }
    let mut place = archive.into_inner().and_then(GzEncoder::finish).with_context(context)?;
    place.flush().with_context(context)?;
    place.as_file().sync_all().with_context(context)?;
    if force {
        place.persist(path).with_context(context)?;
    } else {
        place.persist_noclobber(path).map_err(|error| {
            let there = error.error.kind() == std::io::ErrorKind::AlreadyExists;
            let why = if there { "it is there already".to_owned() } else { error.error.to_string() };
            anyhow!("writing {}: {why}", path.display())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn files(text: &str) -> Vec<(String, Vec<u8>)> {
        vec![("a.txt".to_owned(), text.as_bytes().to_vec())]
    }

    fn read(path: &Path) -> String {
        let mut archive = tar::Archive::new(GzDecoder::new(std::fs::File::open(path).unwrap()));
        let mut text = String::new();
        archive.entries().unwrap().next().unwrap().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn an_archive_is_overwritten_by_force_alone_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar.gz");
        write(&path, &files("one"), false).unwrap();
        let error = write(&path, &files("two"), false).unwrap_err().to_string();
        assert!(error.contains("there already"), "{error}");
        assert_eq!(read(&path), "one");
        write(&path, &files("two"), true).unwrap();
        assert_eq!(read(&path), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
