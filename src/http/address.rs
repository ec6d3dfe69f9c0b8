//! Addresses of nodes in request bodies: `IP:PORT` or `HOST:PORT`.

use serde_json::value::RawValue;
use thiserror::Error;

use crate::placement::split_address;

/// Why a member is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressError {
    /// There is none.
    #[error("socket-address is missing")]
    Missing,
    /// It is no string, or no address.
    #[error("socket-address must be a string IP:PORT or HOST:PORT")]
    Malformed,
}

/// The address in the member `socket-address`.
pub(super) fn parse_address(member: Option<&RawValue>) -> Result<String, AddressError> {
    let text = member.ok_or(AddressError::Missing)?.get();
    let address: String = serde_json::from_str(text).map_err(|_| AddressError::Malformed)?;
    split_address(&address).map(|_| ()).map_err(|_| AddressError::Malformed)?;
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_members() {
        let parse = |json: &str| parse_address(Some(&RawValue::from_string(json.to_owned()).expect("JSON")));
        assert_eq!(parse("\"10.10.0.2:8090\"").as_deref(), Ok("10.10.0.2:8090"));
        assert_eq!(parse_address(None), Err(AddressError::Missing));
        for json in ["null", "8090", "\"\"", "\"a:80/\"", "\"http://a:80\"", "\"a\\n:80\""] {
            assert_eq!(parse(json), Err(AddressError::Malformed), "{json}");
        }
    }
}
