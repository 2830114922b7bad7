<?php
// phpCAS as an application has it: the page behind the login prints whom it was told of.
require_once 'CAS.php';
$told = json_decode(file_get_contents(getenv('PREAU_PHPCAS')), true);
session_save_path($told['sessions']);
if ($_SERVER['REQUEST_URI'] === '/vivant') {
    exit('oui');
}
phpCAS::client(CAS_VERSION_3_0, $told['host'], $told['port'], '/cas', $told['origin']);
phpCAS::setCasServerCACert($told['ca']);
phpCAS::handleLogoutRequests(false);
if ($_SERVER['REQUEST_URI'] === '/sortir') {
    phpCAS::logoutWithRedirectService($told['origin'] . '/vivant');
}
phpCAS::forceAuthentication();
header('Content-Type: application/json');
echo json_encode(['user' => phpCAS::getUser(), 'attributes' => phpCAS::getAttributes()]);
