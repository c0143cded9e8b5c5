from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0018_sections_in_english')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Contact',
            name='identity',
            field=fields.CharField(db_default='', max_length=20),
        ),
    ]
