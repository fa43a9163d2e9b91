/*
 * ops/cmd/seed_names.c - what the rows of the demo hospital say (seed.h); nobody in it is a real person
 */
#include "ops/cmd/seed.h"

#include <stdio.h>

#include "base/timez.h"
#include "ops/cmd/rng.h"

enum { S_DOCTOR = 1, S_PATIENT, S_SESSION };

static const char *const s_areas[][2] = {{"本部院区", "杏林市青松区长青路1号"},
                                         {"滨江院区", "杏林市滨江区望潮路88号"}};

static const char *const s_majors[GH_SEED_MAJORS][2] = {
    {"内科", "内科各专业的门诊与随访"},         {"外科", "外科各专业的门诊与术后复查"},
    {"妇产科", "妇科疾病、孕产保健与生殖健康"}, {"儿科", "儿童内外科疾病与新生儿疾病"},
    {"五官科", "眼、耳鼻喉与口腔疾病"},         {"骨科", "骨与关节疾病及创伤"},
    {"皮肤科", "皮肤疾病与皮肤美容"},           {"中医科", "中医内科、针灸与推拿"},
};

static const char *const s_minors[GH_SEED_MINORS][2] = {
    {"心血管内科", "高血压、冠心病、心律失常"},
    {"呼吸内科", "慢性咳嗽、哮喘、慢阻肺"},
    {"消化内科", "胃炎、消化性溃疡、肠道疾病"},
    {"普通外科", "疝、甲状腺与胆囊疾病"},
    {"神经外科", "颅脑外伤、脑肿瘤、三叉神经痛"},
    {"泌尿外科", "尿路结石、前列腺疾病"},
    {"妇科", "月经不调、子宫肌瘤、妇科炎症"},
    {"产科", "孕期检查、高危妊娠管理"},
    {"生殖医学科", "不孕不育、内分泌失调"},
    {"儿童内科", "小儿发热、肺炎、消化不良"},
    {"儿童外科", "小儿疝、包茎、先天畸形"},
    {"新生儿科", "新生儿黄疸、早产儿随访"},
    {"眼科", "白内障、青光眼、屈光不正"},
    {"耳鼻喉科", "鼻炎、中耳炎、咽喉疾病"},
    {"口腔科", "龋齿、牙周病、种植修复"},
    {"关节外科", "膝髋关节病、关节置换"},
    {"脊柱外科", "颈椎病、腰椎间盘突出"},
    {"创伤骨科", "四肢骨折、运动损伤"},
    {"皮肤内科", "湿疹、荨麻疹、银屑病"},
    {"皮肤外科", "皮肤肿物、瘢痕"},
    {"医学美容科", "色素性疾病、激光治疗"},
    {"中医内科", "脾胃调理、失眠、慢性疲劳"},
    {"针灸科", "颈肩腰腿痛、面瘫"},
    {"推拿科", "软组织损伤、小儿推拿"},
};

/* One a known minor department. */
static const char *const s_specialties[GH_SEED_MINORS][2] = {
    {"CARD", "心血管病学"}, {"RESP", "呼吸病学"},     {"GAST", "消化病学"},   {"GSUR", "普通外科学"},
    {"NSUR", "神经外科学"}, {"UROL", "泌尿外科学"},   {"GYNE", "妇科学"},     {"OBST", "产科学"},
    {"REPR", "生殖医学"},   {"PEDI", "儿科学"},       {"PSUR", "小儿外科学"}, {"NEON", "新生儿学"},
    {"OPHT", "眼科学"},     {"OTOL", "耳鼻咽喉科学"}, {"DENT", "口腔医学"},   {"JOIN", "关节外科学"},
    {"SPIN", "脊柱外科学"}, {"TRAU", "创伤骨科学"},   {"DERM", "皮肤病学"},   {"DSUR", "皮肤外科学"},
    {"AEST", "医学美容"},   {"TCMI", "中医内科学"},   {"ACUP", "针灸学"},     {"TUIN", "推拿学"},
};

static const char *const s_surnames[] = {
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱",
    "胡", "郭", "何", "林", "高", "罗", "郑", "梁", "谢", "宋", "唐", "许", "韩", "冯",
    "邓", "曹", "彭", "曾", "肖", "田", "董", "潘", "袁", "蔡", "蒋", "余", "于", "杜",
    "叶", "程", "魏", "苏", "吕", "丁", "任", "卢", "姚", "沈", "钟", "姜", "崔", "谭"};
static const char *const s_given_male[] = {"伟", "强", "磊", "军", "勇", "杰", "涛", "超", "明", "刚",
                                           "平", "辉", "鹏", "华", "飞", "波", "斌", "宇", "浩", "凯",
                                           "健", "俊", "帆", "旭", "晨", "阳", "博", "睿"};
static const char *const s_given_female[] = {"芳", "娜", "敏", "静", "丽", "艳", "娟", "霞", "燕", "玲",
                                             "桂", "洁", "梅", "琳", "雪", "慧", "莹", "倩", "婷", "悦",
                                             "欣", "怡", "璐", "颖", "瑶", "萍", "蕾", "雨"};

/* The order of doctors within a department: heads and experts first. */
static const struct {
    const char *title, *slot_type, *degree;
    int least_years;
} s_titles[] = {{"主任医师", "专家", "医学博士", 20},
                {"副主任医师", "专家", "医学博士", 12},
                {"主治医师", "普通", "医学硕士", 7},
                {"主治医师", "普通", "医学硕士", 6},
                {"住院医师", "普通", "医学学士", 2}};

void
gh_seed_area(const gh_seed_plan_t *p, int n, gh_seed_place_t *out)
{
    (void)p;
    size_t known = GH_COUNT(s_areas);
    out->text = s_areas[(size_t)n % known][1];
    if ((size_t)n < known)
        snprintf(out->name, sizeof out->name, "%s", s_areas[n][0]);
    else
        snprintf(out->name, sizeof out->name, "第%d院区", n + 1);
}

void
gh_seed_major(int n, gh_seed_place_t *out)
{
    snprintf(out->name, sizeof out->name, "%s", s_majors[n][0]);
    out->text = s_majors[n][1];
}

void
gh_seed_minor(int n, gh_seed_place_t *out)
{
    int base = n % GH_SEED_MINORS;
    out->text = s_minors[base][1];
    if (n < GH_SEED_MINORS)
        snprintf(out->name, sizeof out->name, "%s", s_minors[base][0]);
    else
        snprintf(out->name, sizeof out->name, "%s%d区", s_minors[base][0], n / GH_SEED_MINORS + 1);
}

void
gh_seed_specialty(int n, const char **code, gh_seed_place_t *out)
{
    *code = s_specialties[n][0];
    snprintf(out->name, sizeof out->name, "%s", s_specialties[n][1]);
    out->text = s_minors[n][1];
}

/* The first clinic of a department is an ordinary one, the second 国疗 or 特需, more are ordinary again. */
void
gh_seed_clinic(const gh_seed_plan_t *p, int n, gh_seed_clinic_t *out)
{
    static const char *const kinds[] = {"普通门诊", "国际医疗门诊", "特需门诊"};
    int rank = n / p->minors;
    gh_seed_place_t minor;
    out->minor = n % p->minors;
    gh_seed_minor(out->minor, &minor);
    out->type = rank != 1 ? 0 : out->minor % 2 ? 1 : 2;
    out->area = rank % p->areas;
    if (rank < 2)
        snprintf(out->name, sizeof out->name, "%.60s%s", minor.name, kinds[out->type]);
    else
        snprintf(out->name, sizeof out->name, "%.60s%s%d诊室", minor.name, kinds[out->type], rank);
    snprintf(out->address, sizeof out->address, "门诊楼%d层%d%02d室", out->minor / 6 + 1, out->minor / 6 + 1,
             out->minor % 6 * 10 + rank % 10 + 1);
}

static void
person_name(gh_rng_t *r, bool male, char *out, size_t size)
{
    const char *const *given = male ? s_given_male : s_given_female;
    const char *surname = s_surnames[gh_rng_below(r, GH_COUNT(s_surnames))];
    const char *first = given[gh_rng_below(r, GH_COUNT(s_given_male))];
    const char *second = gh_rng_below(r, 3) ? given[gh_rng_below(r, GH_COUNT(s_given_male))] : "";
    snprintf(out, size, "%s%s%s", surname, first, second);
}

void
gh_seed_doctor(const gh_seed_plan_t *p, int n, gh_seed_doctor_t *out)
{
    gh_rng_t r = gh_rng_stream(p->rng, S_DOCTOR, (uint64_t)n);
    size_t rank = (size_t)(n / p->minors) % GH_COUNT(s_titles);
    gh_seed_place_t minor;
    out->minor = n % p->minors;
    gh_seed_minor(out->minor, &minor);
    out->head = n < p->minors;
    out->title = s_titles[rank].title;
    out->degree = s_titles[rank].degree;
    out->years = s_titles[rank].least_years + gh_rng_between(&r, 0, 8);
    person_name(&r, gh_rng_below(&r, 2) == 0, out->name, sizeof out->name);
    snprintf(out->identifier, sizeof out->identifier, "D%04d", n + 1);
    snprintf(out->license, sizeof out->license, "DEMO-D%04d", n + 1);
    snprintf(out->specialty, sizeof out->specialty, "擅长%s的诊治", minor.text);
    snprintf(out->introduction, sizeof out->introduction, "%s，%s，从事%s临床工作%d年。", out->title,
             out->degree, minor.name, out->years);
}

void
gh_seed_patient(const gh_seed_plan_t *p, int64_t n, gh_seed_patient_t *out)
{
    static const char *const types[] = {"校外", "校外", "校外", "校外", "校外",
                                        "校外", "校外", "学生", "教师", "职工"};
    gh_rng_t r = gh_rng_stream(p->rng, S_PATIENT, (uint64_t)n);
    bool male = gh_rng_below(&r, 2) == 0;
    out->gender = male ? "male" : "female";
    out->type = types[n % 10];
    person_name(&r, male, out->name, sizeof out->name);
    snprintf(out->phone, sizeof out->phone, "%lld", (long long)(GH_SEED_PHONE + n));
    gh_day_text(gh_day_from_ymd(2008, 1, 1) - gh_rng_between(&r, 0, 70 * 365), out->birth);
}

/* How many of 0..total-1 leave rest n when divided by parts. */
static int
share(int total, int parts, int n)
{
    return total / parts + (n < total % parts);
}

void
gh_seed_session(const gh_seed_plan_t *p, int clinic, int32_t day, int section, gh_seed_session_t *out)
{
    int minor = clinic % p->minors, rank = clinic / p->minors, doctors = share(p->doctors, p->minors, minor);
    *out = (gh_seed_session_t){.doctor = -1};
    if (rank >= doctors)
        return;
    /* The department's doctors take turns; clinics of one section take neighbours in the turn, so never the same one. */
    int turn = (int)(((int64_t)day * 3 + section + rank) % doctors);
    out->doctor = minor + turn * p->minors;
    gh_seed_clinic_t c;
    gh_seed_clinic(p, clinic, &c);
    out->slot_type = c.type == 2   ? "特需"
                     : c.type == 1 ? "专家"
                                   : s_titles[(size_t)turn % GH_COUNT(s_titles)].slot_type;
    gh_rng_t r = gh_rng_stream(p->rng, S_SESSION,
                               ((uint64_t)(uint32_t)day << 32 | (uint32_t)clinic << 2) + (uint64_t)section);
    int lo = c.type == 2 ? 20 : c.type == 1 ? 24 : 30, hi = c.type == 2 ? 24 : c.type == 1 ? 32 : 50;
    out->places = p->places ? p->places : gh_rng_between(&r, lo, hi);
}
