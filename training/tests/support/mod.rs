//! Tasks for tests of whole trainings, and what these tests share.

#![allow(dead_code, missing_docs)] // no test program uses everything

pub mod line;
pub mod sentences;
