//! Secrets in the configuration, or in a file of their own.

use std::io::Read as _;
use std::path::Path;

use figment::value::magic::RelativePathBuf;
use secrecy::{ExposeSecret as _, SecretString};

use crate::limits::KEY_FILE_BYTES;

/// A secret from its value, or else from the file that holds it. An empty value or path counts as absent.
///
/// # Errors
/// If both are set, or the file cannot be read. The text names `key` and `key_file`, and not the secret.
pub(crate) fn secret(
    key: &str,
    value: Option<&SecretString>,
    file: Option<&RelativePathBuf>,
) -> Result<Option<SecretString>, String> {
    let value = value.filter(|it| !it.expose_secret().is_empty());
    let file = file.filter(|it| !it.original().as_os_str().is_empty());
    match (value, file) {
        (Some(_), Some(_)) => Err(format!("name `{key}` or `{key}_file`, not both")),
        (Some(value), None) => Ok(Some(value.clone())),
        (None, Some(file)) => read_secret(&file.relative()).map(Some),
        (None, None) => Ok(None),
    }
}

/// The text of a key file, without the line end that editors add.
pub(crate) fn read_secret(file: &Path) -> Result<SecretString, String> {
    let fails = |why: &str| format!("the file {} {why}", file.display());
    let opened = std::fs::File::open(file).map_err(|error| {
        fails(&format!(
            "cannot be opened ({error}); correct the path or its permissions"
        ))
    })?;
    let mut text = String::new();
    let length = opened
        .take(KEY_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|_| {
            fails("is not text; write the secret as text, for example with `openssl rand -hex 32`")
        })?;
    if length as u64 > KEY_FILE_BYTES {
        return Err(fails("is too large for a key; correct the path"));
    }
    Ok(SecretString::from(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_place() {
        let value = SecretString::from("hush".to_owned());
        let file = RelativePathBuf::from(Path::new("/no/such/file"));
        let empty = SecretString::from(String::new());
        let nowhere = RelativePathBuf::from(Path::new(""));
        let found = secret("key", Some(&value), Some(&nowhere)).unwrap();
        assert_eq!(found.unwrap().expose_secret(), "hush");
        assert!(secret("key", Some(&empty), None).unwrap().is_none());
        let both = secret("key", Some(&value), Some(&file)).unwrap_err();
        assert_eq!(both, "name `key` or `key_file`, not both");
        let missing = secret("key", None, Some(&file)).unwrap_err();
        assert!(missing.contains("/no/such/file"), "{missing}");
    }
}
