// An address where nothing is: all that goes on is what every page has.

import "./page.js";
