"use strict";
// The picture on another scale, and what a sign says at once. Without this script the page is complete as it stands.
(function () {
  var SVG = "http://www.w3.org/2000/svg";
  var STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000,
    864000, 1728000, 4320000, 8640000, 17280000, 43200000, 86400000, 172800000, 432000000, 864000000];
  var MOST = 9, NEAR = 11, LETTER = 7, LEAST = 2;

  function number(element, name) { return parseFloat(element.getAttribute(name)); }
  function place(element, x) {
    var y = /,([-\d.]+)\)/.exec(element.getAttribute("transform"));
    element.setAttribute("transform", "translate(" + x.toFixed(3) + "," + (y ? y[1] : 0) + ")");
  }
  function two(value) { return (value < 10 ? "0" : "") + value; }

  function Picture(figure) {
    this.figure = figure;
    this.svg = figure.querySelector(".scroll > svg");
    this.left = number(this.svg, "data-left");
    this.right = number(this.svg, "data-right");
    this.start = Date.parse(this.svg.getAttribute("data-start"));
    this.end = Date.parse(this.svg.getAttribute("data-end"));
    this.from = 0;
    this.to = 1;
    this.tools();
    this.hints();
  }

  Picture.prototype.x = function (fraction) {
    return this.left + (fraction - this.from) / (this.to - this.from) * (this.right - this.left);
  };

  Picture.prototype.show = function (from, to) {
    var least = Math.min(1, 10000 / Math.max(1, this.end - this.start));
    var width = Math.min(1, Math.max(least, to - from));
    var middle = (from + to) / 2;
    from = Math.min(1 - width, Math.max(0, middle - width / 2));
    this.from = from;
    this.to = from + width;
    this.draw();
  };

  Picture.prototype.draw = function () {
    var self = this;
    this.svg.querySelectorAll(".bar[data-a], .span[data-a], .reach[data-a]").forEach(function (one) {
      var bar = one.classList.contains("bar");
      // What lies far outside of the plot is cut, so that no number grows beyond what a drawing can hold.
      var x = Math.max(-4000, self.x(number(one, "data-a"))), end = Math.min(8000, self.x(number(one, "data-b")));
      var width = Math.max(bar ? LEAST : 1.5, end - x);
      one.querySelectorAll("rect").forEach(function (rect) {
        rect.setAttribute("x", x.toFixed(3));
        rect.setAttribute("width", width.toFixed(3));
      });
      var text = one.querySelector("text");
      if (!text) { return; }
      // A label stands in the middle of the part that is seen.
      var a = Math.max(self.left, x), b = Math.min(self.right, x + width), role = one.getAttribute("data-role");
      var label = one.getAttribute("data-long");
      if (b - a <= LETTER * label.length + 8) { label = b - a > LETTER * role.length + 8 ? role : ""; }
      text.textContent = label;
      text.setAttribute("x", ((a + b) / 2).toFixed(3));
    });
    this.svg.querySelectorAll(".move[data-a], .mark[data-a]").forEach(function (one) {
      place(one.querySelector("g"), Math.min(8000, Math.max(-4000, self.x(number(one, "data-a")))));
    });
    this.svg.querySelectorAll("[data-track]").forEach(function (track) { self.count(track); });
    this.ticks();
    var all = this.from === 0 && this.to === 1;
    this.figure.querySelectorAll("[data-zoom]").forEach(function (button) {
      var what = button.getAttribute("data-zoom");
      button.disabled = what !== "in" && all;
    });
  };

  // Signs that are near to each other are told as one, with their number.
  Picture.prototype.count = function (track) {
    track.querySelectorAll(".count").forEach(function (old) { old.remove(); });
    var first = null, n = 0, self = this;
    function close() {
      if (!first) { return; }
      var text = first.mark.querySelector("text");
      if (text) { text.textContent = n === 1 ? first.mark.getAttribute("data-number") || text.textContent : ""; }
      if (n < 2 || first.x < self.left || first.x > self.right) { return; }
      var label = document.createElementNS(SVG, "text");
      label.setAttribute("class", "count");
      label.setAttribute("x", (first.x + 8).toFixed(3));
      label.setAttribute("y", (first.y - 3).toFixed(3));
      label.textContent = String(n);
      track.appendChild(label);
    }
    track.querySelectorAll(".mark").forEach(function (mark) {
      var at = /\(([-\d.]+),([-\d.]+)\)/.exec(mark.querySelector("g").getAttribute("transform"));
      var x = parseFloat(at[1]);
      if (first && x - first.x <= NEAR) {
        n += 1;
        var text = mark.querySelector("text");
        if (text) { text.textContent = ""; }
        return;
      }
      close();
      first = { mark: mark, x: x, y: parseFloat(at[2]) };
      n = 1;
    });
    close();
  };

  Picture.prototype.ticks = function () {
    var axis = this.svg.querySelector("[data-axis]"), line = axis.querySelector("path");
    if (!line) { return; }
    line = line.getAttribute("d");
    var span = this.end - this.start, from = this.start + this.from * span, to = this.start + this.to * span;
    var step = STEPS[STEPS.length - 1], day = "";
    for (var i = 0; i < STEPS.length; i += 1) {
      if (Math.floor((to - from) / (STEPS[i] * 1000)) < MOST) { step = STEPS[i]; break; }
    }
    while (axis.firstChild) { axis.removeChild(axis.firstChild); }
    for (var t = Math.ceil(from / (step * 1000)) * step * 1000; t <= to; t += step * 1000) {
      var when = new Date(t), group = document.createElementNS(SVG, "g"), path = document.createElementNS(SVG, "path");
      var date = when.getUTCFullYear() + "-" + two(when.getUTCMonth() + 1) + "-" + two(when.getUTCDate());
      var clock = two(when.getUTCHours()) + ":" + two(when.getUTCMinutes()) + (step < 60 ? ":" + two(when.getUTCSeconds()) : "");
      group.setAttribute("class", "tick");
      group.setAttribute("transform", "translate(" + this.x((t - this.start) / span).toFixed(3) + ",0)");
      path.setAttribute("d", line);
      group.appendChild(path);
      [[14, date !== day ? date : "", "day"], [31, clock, ""]].forEach(function (row) {
        var text = document.createElementNS(SVG, "text");
        text.setAttribute("y", row[0]);
        if (row[2]) { text.setAttribute("class", row[2]); }
        text.textContent = row[1];
        group.appendChild(text);
      });
      day = date;
      axis.appendChild(group);
    }
  };

  Picture.prototype.tools = function () {
    var self = this, tools = this.figure.querySelector(".tools");
    tools.hidden = false;
    tools.addEventListener("click", function (event) {
      var button = event.target.closest("button");
      if (!button) { return; }
      var what = button.getAttribute("data-zoom"), middle = (self.from + self.to) / 2, width = self.to - self.from;
      if (what === "in") { self.show(middle - width / 4, middle + width / 4); }
      else if (what === "out") { self.show(middle - width, middle + width); }
      else if (what === "left") { self.show(self.from - width / 3, self.to - width / 3); }
      else if (what === "right") { self.show(self.from + width / 3, self.to + width / 3); }
      else if (what === "all") { self.show(0, 1); }
      else {
        var span = self.end - self.start;
        self.show((Date.parse(button.getAttribute("data-from")) - self.start) / span,
          (Date.parse(button.getAttribute("data-to")) - self.start) / span);
      }
    });
    this.svg.querySelectorAll(".mark text").forEach(function (text) {
      text.closest(".mark").setAttribute("data-number", text.textContent);
    });
    this.figure.querySelectorAll("[data-zoom]").forEach(function (button) {
      button.disabled = button.getAttribute("data-zoom") !== "in";
    });
  };

  // What a sign says, at once: where the pointer is, or the focus. Escape takes it away.
  Picture.prototype.hints = function () {
    var self = this, tip = this.figure.querySelector(".hint");
    this.svg.querySelectorAll("a").forEach(function (one) {
      var title = one.querySelector("title");
      if (!title) { return; }
      one.setAttribute("aria-label", title.textContent);
      title.remove();
      function show() {
        tip.textContent = one.getAttribute("aria-label");
        tip.hidden = false;
        var box = one.getBoundingClientRect(), frame = self.figure.getBoundingClientRect();
        var seen = self.svg.parentNode.getBoundingClientRect();
        var middle = (Math.max(box.left, seen.left) + Math.min(box.right, seen.right)) / 2 - frame.left;
        var x = Math.min(frame.width - tip.offsetWidth, Math.max(0, middle - tip.offsetWidth / 2));
        tip.style.left = x + "px";
        tip.style.top = (box.bottom - frame.top + 8) + "px";
      }
      function hide() { tip.hidden = true; }
      one.addEventListener("pointerenter", show);
      one.addEventListener("pointerleave", hide);
      one.addEventListener("focus", show);
      one.addEventListener("blur", hide);
    });
    document.addEventListener("keydown", function (event) { if (event.key === "Escape") { tip.hidden = true; } });
  };

  document.querySelectorAll("[data-picture]").forEach(function (figure) { new Picture(figure); });
}());
