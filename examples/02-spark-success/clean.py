import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[2]").getOrCreate()
spark.range(10).repartition(2).write.mode("overwrite").parquet(sys.argv[1])
