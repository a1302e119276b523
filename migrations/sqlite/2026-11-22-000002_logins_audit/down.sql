DROP TABLE audit;
DROP TABLE logins;
