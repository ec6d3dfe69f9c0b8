//! The wire form: what was sealed opens to itself or to a fold of itself (I3: within the bound), and nothing else opens.

use causeway::{
    clock::{Dot, Hlc, Token, TokenError, TokenKey, TokenKeys, WIRE_BYTES_CAP},
    id::{ActorId, Epoch},
};
use proptest::{collection::vec, prelude::*};

use crate::generated::{large_token, token};

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn private_key(id: u8) -> TokenKey {
    TokenKey { id, secret: [id ^ 0x5a; 16] }
}

fn private() -> TokenKeys {
    TokenKeys::new(private_key(3), Vec::new())
}

/// The text in bits: six a character.
fn with_bit_flipped(text: &str, bit: usize) -> String {
    let mut characters = text.as_bytes().to_vec();
    let character = &mut characters[bit / 6];
    let value = BASE64URL.iter().position(|c| c == character).expect("a character of base64url");
    *character = BASE64URL[value ^ (1 << (bit % 6))];
    String::from_utf8(characters).expect("base64url is ASCII")
}

proptest! {
    #[test]
    fn a_small_token_comes_back_as_it_was(token in token()) {
        let keys = private();
        prop_assert_eq!(keys.open(&keys.seal(&token)), Ok(token));
    }

    #[test]
    fn any_token_fits_and_comes_back_no_lower(token in prop_oneof![token(), large_token()]) {
        let keys = private();
        let text = keys.seal(&token);
        prop_assert!(text.len() <= (WIRE_BYTES_CAP * 4).div_ceil(3), "{} characters", text.len());
        let opened = keys.open(&text).expect("what was sealed opens");
        prop_assert!(opened.covers(&token) && opened.max_hlc() == token.max_hlc() && opened.epoch() == token.epoch());
    }

    #[test]
    fn no_flipped_bit_is_accepted(token in prop_oneof![8 => token(), 1 => large_token()]) {
        let keys = private();
        let text = keys.seal(&token);
        for bit in 0..text.len() * 6 {
            prop_assert!(keys.open(&with_bit_flipped(&text, bit)).is_err(), "bit {bit} of {text}");
        }
    }

    #[test]
    fn no_cut_or_lengthened_text_is_accepted(token in token(), more in "[A-Za-z0-9_=-]{1,8}") {
        let keys = private();
        let text = keys.seal(&token);
        for length in 0..text.len() {
            prop_assert!(keys.open(&text[..length]).is_err());
            prop_assert!(keys.open(&text[text.len() - length..]).is_err());
        }
        let longer = format!("{text}{more}");
        prop_assert!(keys.open(&longer).is_err());
    }

    #[test]
    fn another_key_opens_nothing(token in token(), secret in any::<[u8; 16]>()) {
        let text = private().seal(&token);
        prop_assume!(secret != private_key(3).secret);
        let same_id = TokenKeys::new(TokenKey { id: 3, secret }, Vec::new());
        prop_assert_eq!(same_id.open(&text), Err(TokenError::BadMac));
        prop_assert_eq!(TokenKeys::default().open(&text), Err(TokenError::BadMac));
        prop_assert_eq!(private().open(&TokenKeys::default().seal(&token)), Err(TokenError::BadMac));
    }

    #[test]
    fn an_old_key_stays_accepted(token in token()) {
        let old = TokenKeys::new(private_key(1), Vec::new());
        let both = TokenKeys::new(private_key(2), vec![private_key(1)]);
        prop_assert_eq!(both.open(&old.seal(&token)), Ok(token.clone()));
        prop_assert_eq!(old.open(&both.seal(&token)), Err(TokenError::BadMac));
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in "\\PC{0,200}", bytes in vec(any::<u8>(), 0..1_200)) {
        let keys = TokenKeys::default();
        let _ = keys.open(&text);
        let base64: String = bytes.iter().map(|byte| char::from(BASE64URL[usize::from(byte % 64)])).collect();
        let _ = keys.open(&base64);
    }

    /// The public key keeps nobody out, so that a forger reaches the decoder's inside.
    #[test]
    fn no_forged_body_makes_the_decoder_panic(fields in vec(any::<u8>(), 0..120), version in 0..3u8) {
        let text = forged(&[&[version, 0], fields.as_slice()].concat());
        if let Ok(token) = TokenKeys::default().open(&text) {
            prop_assert_eq!(TokenKeys::default().open(&TokenKeys::default().seal(&token)), Ok(token));
        }
    }
}

/// A body under the fixed public key's MAC of cluster 0, as anyone who reads this program can make it.
fn forged(body: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let mac = siphasher::sip::SipHasher24::new_with_key(b"causeway-public!").hash(&[&[0; 8], body].concat()).to_le_bytes();
    URL_SAFE_NO_PAD.encode([body, &mac].concat())
}

#[test]
fn a_token_of_another_cluster_is_refused_under_the_same_key() {
    let (ours, theirs) = (TokenKeys::default().of_cluster(1), TokenKeys::default().of_cluster(2));
    let text = theirs.seal(&Token::default());
    assert_eq!((theirs.open(&text), ours.open(&text)), (Ok(Token::default()), Err(TokenError::BadMac)));
}

#[test]
fn a_token_of_ten_thousand_actors_fits() {
    let dots = (0..10_000u32).map(|i| Dot { actor: ActorId(i * 7), hlc: Hlc(u64::MAX - u64::from(i)) });
    let token = Token::from_parts(Epoch { generation: u32::MAX, number: u32::MAX }, Hlc::ZERO, dots);
    let keys = private();
    let text = keys.seal(&token);
    assert!(text.len() <= (WIRE_BYTES_CAP * 4).div_ceil(3), "{} characters", text.len());
    let opened = keys.open(&text).expect("what was sealed opens");
    assert!(opened.covers(&token));
    assert!(!opened.is_empty());
}

#[test]
fn each_refusal_says_why() {
    let keys = TokenKeys::default();
    let right = [1, 0, 0, 1, 5, 1, 2, 9];
    let expected = Token::from_parts(Epoch { generation: 0, number: 1 }, Hlc(5), [Dot { actor: ActorId(2), hlc: Hlc(14) }]);
    assert_eq!(keys.open(&forged(&right)), Ok(expected));
    let body = |change: fn(&mut Vec<u8>)| {
        let mut body = right.to_vec();
        change(&mut body);
        keys.open(&forged(&body))
    };
    assert_eq!(body(|body| body[0] = 2), Err(TokenError::UnknownVersion));
    assert_eq!(body(|body| body[1] = 9), Err(TokenError::BadMac));
    assert_eq!(body(|body| body.truncate(1)), Err(TokenError::Malformed));
    assert_eq!(body(|body| body.truncate(7)), Err(TokenError::Malformed), "cut short");
    assert_eq!(body(|body| body.push(0)), Err(TokenError::Malformed), "a byte left over");
    assert_eq!(body(|body| body[7] = 0), Err(TokenError::Malformed), "an entry at the floor");
    assert_eq!(body(|body| body[5] = 200), Err(TokenError::Malformed), "more entries than bytes");
    assert_eq!(body(|body| body.splice(5..6, [2]).for_each(drop)), Err(TokenError::Malformed), "one entry of two");
    assert_eq!(body(|body| *body = vec![1, 0, 0, 1, 5, 2, 2, 9, 0, 9]), Err(TokenError::Malformed), "an actor twice");
    let beyond_u64 = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(keys.open(&forged(&[&[1, 0, 0, 1], &beyond_u64[..], &[0]].concat())), Err(TokenError::Malformed), "a huge number");
    assert_eq!(keys.open("not base64url!"), Err(TokenError::Malformed));
    assert_eq!(keys.open(&"A".repeat(100_000)), Err(TokenError::Malformed), "too long to be looked at");
}
