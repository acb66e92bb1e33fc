mkdir -p report
echo 'sales 42' > report/part-0.txt
touch report/_SUCCESS
echo report.sh >> runs.log
