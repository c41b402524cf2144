// Closures, sorting, a regular expression and JSON: interpreted, baseline and optimised code, builtins.
const end = performance.now() + 1000 * Number(process.argv[2])

function makeGetter(key) {
  return (row) => row[key]
}

function sortRows(count) {
  const rows = Array.from({ length: count }, (_, i) => ({ key: (i * 7919) % count, text: `row ${i}` }))
  const get = makeGetter('key')
  rows.sort((a, b) => get(a) - get(b))
  return JSON.stringify(rows).length
}

let sum = 0
while (performance.now() < end) sum += sortRows(2000) + (/^(a+)+$/.test('aaaaaaaaaaaaaaab') ? 1 : 0)
console.log(sum)
