// What the bundler understands beyond TypeScript.
declare module '*.css'
declare module '*?worker&inline' {
  const WorkerConstructor: new () => Worker

  // biome-ignore lint/style/noDefaultExport: this is how the bundler gives it
  export default WorkerConstructor
}
