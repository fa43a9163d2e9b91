// check.js MODULES FILE: validate an OpenAPI document against the specification's own schema and follow its references.
'use strict';
const [modules, file] = process.argv.slice(2);
const parser = require(modules + '/@apidevtools/swagger-parser');

parser.validate(file, {resolve: {external: false}}).then(
    (document) => console.log(Object.keys(document.paths).length + ' paths'),
    (error) => {
        console.error(error.message);
        process.exit(1);
    });
