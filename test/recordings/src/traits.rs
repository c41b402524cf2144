// Generics, trait objects, closures and iterators: names of both Rust manglings.
use std::collections::HashMap;
use std::time::{Duration, Instant};

trait Shape {
    fn area(&self) -> f64;
}
struct Square(f64);
struct Circle(f64);
impl Shape for Square {
    #[inline(never)]
    fn area(&self) -> f64 {
        (1..30).map(|i| self.0 * self.0 / i as f64).sum()
    }
}
impl Shape for Circle {
    #[inline(never)]
    fn area(&self) -> f64 {
        (1..30).fold(0.0, |sum, i| sum + self.0 * 3.14 / i as f64)
    }
}

#[inline(never)]
fn total<T: AsRef<dyn Shape>>(shapes: &[T]) -> f64 {
    shapes.iter().map(|shape| shape.as_ref().area()).sum()
}

#[inline(never)]
fn count_words(words: &mut HashMap<String, u32>) -> usize {
    for i in 0..2000 {
        *words.entry(format!("word{}", i * 7919 % 500)).or_insert(0) += 1;
    }
    words.len()
}

fn main() {
    let seconds: f64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let shapes: Vec<Box<dyn Shape>> = (0..1000)
        .map(|i| if i % 2 == 0 { Box::new(Square(i as f64)) as Box<dyn Shape> } else { Box::new(Circle(i as f64)) })
        .collect();
    let mut words = HashMap::new();
    let mut sum = 0.0;
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < end {
        sum += total(&shapes) + count_words(&mut words) as f64;
        let mut numbers: Vec<u32> = (0..5000).map(|i| i * 7919 % 5003).collect();
        numbers.sort_by(|a, b| b.cmp(a));
        sum += numbers[7] as f64;
    }
    println!("{sum}");
}
