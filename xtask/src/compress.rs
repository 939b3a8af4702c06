//! Brotli and gzip beside every asset that gains by it.
//!
//! In the path: `site` writes each file through here; the server then only picks the variant that the browser accepts.
//!
//! **Invariants.** A variant is written only when it is smaller than the file. What was compressed once is never compressed
//! again: results are kept by the content's hash.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// Extensions of text and wasm; everything else (PNG, WOFF2) is compressed already.
const COMPRESSIBLE: [&str; 10] = [
    "js",
    "wasm",
    "css",
    "html",
    "svg",
    "json",
    "txt",
    "xml",
    "ico",
    "webmanifest",
];

/// Writes assets and remembers their compressed variants.
pub(crate) struct Compressor {
    cache: PathBuf,
    /// What this run needed; the rest belongs to older contents.
    used: RefCell<HashSet<PathBuf>>,
}

impl Compressor {
    /// `cache` is a folder under cargo's target folder; it may be deleted at any time.
    pub(crate) fn new(cache: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
        Ok(Self {
            cache: cache.to_owned(),
            used: RefCell::default(),
        })
    }

    /// Writes `content` to `path`, and `path.br` and `path.gz` where that pays.
    pub(crate) fn write(&self, path: &Path, content: &[u8]) -> anyhow::Result<()> {
        write(path, content)?;
        let extension = path
            .extension()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        if COMPRESSIBLE.contains(&extension) {
            self.variant(path, content, "br", brotli)?;
            self.variant(path, content, "gz", gzip)?;
        }
        Ok(())
    }

    /// Forgets what this run did not need.
    pub(crate) fn prune(self) -> anyhow::Result<()> {
        let used = self.used.into_inner();
        for entry in fs::read_dir(&self.cache)? {
            let path = entry?.path();
            if !used.contains(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn variant(
        &self,
        path: &Path,
        content: &[u8],
        suffix: &str,
        compress: fn(&[u8]) -> std::io::Result<Vec<u8>>,
    ) -> anyhow::Result<()> {
        let kept = self.cache.join(format!("{}.{suffix}", hash(content)));
        self.used.borrow_mut().insert(kept.clone());
        let compressed = if let Ok(bytes) = fs::read(&kept) {
            bytes
        } else {
            let bytes = compress(content)?;
            // Under another name first: a killed run must not leave half a file.
            let unfinished = kept.with_extension(format!("{suffix}.new"));
            write(&unfinished, &bytes)?;
            fs::rename(&unfinished, &kept)?;
            bytes
        };
        if compressed.len() < content.len() {
            let mut name = path.as_os_str().to_owned();
            name.push(".");
            name.push(suffix);
            write(Path::new(&name), &compressed)?;
        }
        Ok(())
    }
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// The first 16 hexadecimal digits of SHA-256: enough to tell contents apart, short enough for a URL.
pub(crate) fn hash(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let start = digest
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{start:016x}")
}

/// Brotli at its best level, as in `.br` files.
pub(crate) fn brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: content.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut compressed, &parameters)?;
    Ok(compressed)
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// A folder of one test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn both_variants_unpack_to_the_content() {
        let folder = Folder::new("variants");
        let content = b"let bubble = 'hello';\n".repeat(50);
        let file = folder.0.join("site/a.js");
        Compressor::new(&folder.0.join("cache"))
            .unwrap()
            .write(&file, &content)
            .unwrap();

        let mut unpacked = Vec::new();
        let packed = fs::read(folder.0.join("site/a.js.br")).unwrap();
        brotli::BrotliDecompress(&mut &packed[..], &mut unpacked).unwrap();
        assert_eq!(unpacked, content);

        let mut unpacked = Vec::new();
        let packed = fs::read(folder.0.join("site/a.js.gz")).unwrap();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, content);
    }

    #[test]
    fn nothing_is_written_that_would_be_larger() {
        let folder = Folder::new("larger");
        let compressor = Compressor::new(&folder.0.join("cache")).unwrap();
        compressor.write(&folder.0.join("tiny.js"), b"1").unwrap();
        compressor
            .write(&folder.0.join("photo.png"), &b"png".repeat(100))
            .unwrap();
        for absent in ["tiny.js.br", "tiny.js.gz", "photo.png.br", "photo.png.gz"] {
            assert!(!folder.0.join(absent).exists(), "{absent}");
        }
    }

    #[test]
    fn an_unchanged_file_comes_from_the_cache() {
        let folder = Folder::new("cache");
        let cache = folder.0.join("cache");
        let content = b"a { color: red }".repeat(20);
        fs::create_dir_all(&cache).unwrap();
        fs::write(cache.join(format!("{}.br", hash(&content))), b"kept").unwrap();
        let file = folder.0.join("a.css");
        fs::write(cache.join("old.br"), b"of another content").unwrap();
        let compressor = Compressor::new(&cache).unwrap();
        compressor.write(&file, &content).unwrap();
        assert_eq!(fs::read(folder.0.join("a.css.br")).unwrap(), b"kept");
        compressor.prune().unwrap();
        assert_eq!(
            fs::read_dir(&cache).unwrap().count(),
            2,
            "this content's .br and .gz"
        );
    }
}
