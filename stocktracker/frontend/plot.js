// A figure of Plotly's that outlives new data: Plotly.react keeps the zoom, where Streamlit's own
// chart mounts anew. Draws what it is given; decides nothing.

const NARROW = 640
const instances = new WeakMap()

function loadPlotly(url) {
  if (window.Plotly) return Promise.resolve(window.Plotly)
  window.stocktrackerPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = url
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => {
      window.stocktrackerPlotly = undefined
      reject(new Error("the chart library could not be loaded"))
    }
    document.head.append(script)
  })
  return window.stocktrackerPlotly
}

// Where a trace's points stand on the time axis: named one by one, or in steps from a first.
function places(trace, axis) {
  if (trace.x) return Array.from(trace.x, (x) => axis.d2l(x))
  const first = axis.d2l(trace.x0)
  return Array.from(trace.y ?? [], (_, place) => first + place * trace.dx)
}

// Prices fill their pane whatever part of the time is looked at.
function fitted(plot) {
  const full = plot._fullLayout
  const shown = full.xaxis.range.map((end) => full.xaxis.r2l(end))
  const bounds = {}
  for (const trace of plot._fullData) {
    if (trace.visible !== true) continue
    const xs = places(trace, full.xaxis)
    if (xs.length < 3) continue
    const axis = full[trace.yaxis.replace("y", "yaxis")]
    if (!axis || axis.fixedrange) continue
    const lows = trace.low ?? trace.y
    const highs = trace.high ?? trace.y
    if (!lows || !highs) continue
    const bound = (bounds[axis._name] ??= { axis, low: Infinity, high: -Infinity })
    if (trace.type === "bar" || trace.fill === "tozeroy") bound.low = Math.min(bound.low, 0)
    for (let place = 0; place < xs.length; place += 1) {
      const at = xs[place]
      if (at < shown[0] || at > shown[1]) continue
      if (Number.isFinite(lows[place])) bound.low = Math.min(bound.low, lows[place])
      if (Number.isFinite(highs[place])) bound.high = Math.max(bound.high, highs[place])
    }
  }
  const change = {}
  for (const { axis, low, high } of Object.values(bounds)) {
    if (!(high > low)) continue
    if (axis.type === "log") {
      const [from, to] = [Math.log10(low), Math.log10(high)]
      const room = (to - from) * 0.05
      change[`${axis._name}.range`] = [from - room, to + room]
    } else {
      const room = (high - low) * 0.05
      change[`${axis._name}.range`] = [low === 0 ? 0 : low - room, high + room]
    }
  }
  return change
}

function isOfTime(event) {
  return "xaxis.range[0]" in event || "xaxis.range" in event
}

// Plotly keeps what the viewer has zoomed an axis to only as long as the figure declares the range
// that it declared then. New data declare others: they wait until the figure is of something else.
function keepRanges(instance, layout) {
  if (instance.keeps !== layout.uirevision) {
    instance.keeps = layout.uirevision
    instance.declared = {}
    instance.fits = false
  }
  const touched = Object.keys(instance.plot._fullLayout?._preGUI ?? {})
  for (const [name, axis] of Object.entries(layout)) {
    if (!/^[xy]axis\d*$/.test(name)) continue
    const isZoomed = touched.some((key) => key.startsWith(`${name}.`))
    if (isZoomed && name in instance.declared) axis.range = instance.declared[name]
    else instance.declared[name] = axis.range
  }
}

function draw(instance, figure) {
  const { plot } = instance
  const layout = figure.layout
  keepRanges(instance, layout)
  instance.height ??= layout.height
  const narrow = plot.clientWidth < NARROW
  if (layout.height) layout.height = narrow ? Math.round(layout.height * 0.8) : layout.height
  if (narrow) layout.xaxis = { ...layout.xaxis, nticks: 4 }
  return window.Plotly.react(plot, figure.data, layout, figure.config).then(() => {
    if (!instance.listens) {
      instance.listens = true
      plot.on("plotly_relayout", (event) => {
        instance.fits = isOfTime(event) || (instance.fits && !("xaxis.autorange" in event))
        if (isOfTime(event)) fit(plot)
      })
    }
    // What was fitted to the time that is looked at gives way to what the new figure declares.
    if (instance.fits) return fit(plot)
  })
}

function fit(plot) {
  const change = fitted(plot)
  if (Object.keys(change).length) return window.Plotly.relayout(plot, change)
}

export default function ({ data, parentElement }) {
  const plot = parentElement.querySelector(".stocktracker-plot")
  if (!plot) return undefined
  let instance = instances.get(parentElement)
  if (!instance) {
    instance = { plot, text: null, resized: null }
    instance.resized = new ResizeObserver(() => {
      if (window.Plotly && instance.text && plot.clientWidth) window.Plotly.Plots.resize(plot)
    })
    instance.resized.observe(plot)
    instances.set(parentElement, instance)
  }
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data ?? [])
  const text = new TextDecoder().decode(bytes)
  if (text && text !== instance.text) {
    instance.text = text
    const figure = JSON.parse(text)
    plot.style.minHeight = `${figure.layout.height ?? 300}px`
    loadPlotly(figure.library)
      .then(() => (instance.text === text ? draw(instance, figure) : undefined))
      .then(() => {
        plot.style.minHeight = ""
        plot.dataset.drawn = String(Number(plot.dataset.drawn ?? 0) + 1)
      })
      .catch((error) => {
        plot.textContent = `The chart could not be drawn: ${error.message}`
      })
  }
  return () => {
    instance.resized.disconnect()
    instances.delete(parentElement)
    if (window.Plotly) window.Plotly.purge(plot)
  }
}
