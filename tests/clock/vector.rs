//! Version vectors are sets of dots: join is union, the partial order is inclusion.

use std::cmp::Ordering;

use causeway::{
    clock::{Dot, Hlc, VersionVector},
    id::ActorId,
};
use proptest::{collection::vec, prelude::*};

use crate::generated::{dot, vector};

fn joined(a: &VersionVector, b: &VersionVector) -> VersionVector {
    let mut joined = a.clone();
    joined.join(b);
    joined
}

proptest! {
    #[test]
    fn join_is_a_semilattice(a in vector(), b in vector(), c in vector()) {
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
        prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
        prop_assert_eq!(joined(&a, &a), a.clone());
        prop_assert_eq!(joined(&a, &VersionVector::default()), a);
    }

    #[test]
    fn join_is_the_union_of_the_sets(a in vector(), b in vector(), dot in dot()) {
        prop_assert_eq!(joined(&a, &b).contains(dot), a.contains(dot) || b.contains(dot));
    }

    #[test]
    fn the_order_is_inclusion(a in vector(), b in vector()) {
        let union = joined(&a, &b);
        prop_assert!(union >= a && union >= b);
        let expected = match (union == a, union == b) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Greater),
            (false, true) => Some(Ordering::Less),
            (false, false) => None,
        };
        prop_assert_eq!(a.partial_cmp(&b), expected);
        prop_assert_eq!(b.partial_cmp(&a), expected.map(Ordering::reverse));
    }

    #[test]
    fn collecting_is_joining_whatever_the_order(entries in vec(dot(), 0..10)) {
        let mut reversed = entries.clone();
        reversed.reverse();
        let collect = |dots: &[Dot]| dots.iter().map(|dot| (dot.actor, dot.hlc)).collect::<VersionVector>();
        prop_assert_eq!(collect(&entries), collect(&reversed));
        for dot in entries {
            prop_assert!(collect(&reversed).contains(dot));
        }
    }

    #[test]
    fn a_vector_comes_back_from_its_bytes(vector in vector()) {
        let bytes = postcard::to_allocvec(&vector).expect("a vector can be written");
        prop_assert_eq!(postcard::from_bytes::<VersionVector>(&bytes), Ok(vector));
    }
}

#[test]
fn raising_says_whether_it_did() {
    let mut vector = VersionVector::default();
    assert!(vector.raise(ActorId(1), Hlc(5)));
    assert!(!vector.raise(ActorId(1), Hlc(5)));
    assert!(!vector.raise(ActorId(1), Hlc(4)));
    assert!(!vector.raise(ActorId(2), Hlc::ZERO));
    assert_eq!(vector.iter().count(), 1);
}

#[test]
fn a_prefix_of_nothing_in_bytes_is_not_kept() {
    let bytes = postcard::to_allocvec(&[(ActorId(1), Hlc::ZERO)].as_slice()).expect("bytes");
    assert_eq!(postcard::from_bytes::<VersionVector>(&bytes), Ok(VersionVector::default()));
}
