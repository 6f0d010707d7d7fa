import "graphiql/setup-workers/vite"; // first: the editor asks for its workers as soon as it is loaded
import "graphiql/style.css";
import "./style.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";

const place = document.getElementById("app");
if (place === null) throw new Error("the page has no place for the application");
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
